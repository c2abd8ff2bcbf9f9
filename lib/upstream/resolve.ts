import { lookup } from "node:dns/promises";
import type { Address } from "../core/address.ts";
import { AddressSet } from "../core/address_set.ts";
import { ProxyError } from "../core/errors.ts";

export interface ResolveOptions {
  /** The name server to ask, by IP address; undefined for the system's way. */
  readonly server: Address | undefined;
  /** Ranges (CIDR) that answers have to lie in; empty for any. */
  readonly networks: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * All addresses of a name, IPv4 and IPv6, each once and sorted.
 *
 * By default the system is asked (getaddrinfo): it heeds `/etc/hosts` and the search domains of
 * `/etc/resolv.conf`, as every other program on the machine does, and takes the permission for the
 * name alone. `Deno.resolveDns` would need one for each of the machine's name servers, which change;
 * it is the way to ask a certain server, such as Consul's.
 *
 * @throws {ProxyError} `resolve_failed`, also where there is no address
 */
export async function resolveName(
  host: string,
  { server, networks, timeout }: ResolveOptions,
): Promise<readonly string[]> {
  const found = server === undefined
    ? await bySystem(host, timeout)
    : await byServer(host, server, timeout);
  const addresses = [...new Set(found)].sort();
  if (addresses.length === 0) throw failed(`${host} has no address`);
  if (networks.length === 0) return addresses;
  const allowed = new AddressSet(networks);
  const within = addresses.filter((address) => allowed.has(address));
  if (within.length > 0) return within;
  throw failed(`${host} has no address in ${networks.join(", ")}, but ${addresses.join(", ")}`);
}

async function bySystem(host: string, timeout: number): Promise<string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate(host, timeout)), timeout);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), late]);
    return found.map(({ address }) => address);
  } catch (error) {
    throw error instanceof ProxyError ? error : failed(`Cannot resolve ${host}`, error);
  } finally {
    clearTimeout(timer);
  }
}

async function byServer(host: string, server: Address, timeout: number): Promise<string[]> {
  const nameServer = { ipAddr: server.host, port: server.port };
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  try {
    const asked = (["A", "AAAA"] as const).map((type) =>
      Deno.resolveDns(host, type, { nameServer, signal: abort.signal })
    );
    const answers = await Promise.allSettled(asked);
    const found = answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
    // half an answer would take servers away that are there
    const trouble = answers.find((answer) =>
      answer.status === "rejected" && !(answer.reason instanceof Deno.errors.NotFound)
    );
    if (trouble?.status === "rejected") throw trouble.reason;
    return found;
  } catch (error) {
    throw abort.signal.aborted
      ? tooLate(host, timeout)
      : failed(`Cannot resolve ${host} at ${server.host}`, error);
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(host: string, timeout: number): ProxyError {
  return failed(`Cannot resolve ${host}: no answer within ${timeout} ms`);
}

function failed(message: string, cause?: unknown): ProxyError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new ProxyError("resolve_failed", message + why, { cause });
}
