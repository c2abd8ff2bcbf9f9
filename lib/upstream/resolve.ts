import { lookup } from "node:dns/promises";
import { type Address, formatAddress } from "../core/address.ts";
import { AddressSet } from "../core/address_set.ts";
import { codeOf, ProxyError } from "../core/errors.ts";
import { mayConnect } from "./may_connect.ts";

/** Whom a name is asked of, and which answers count. */
export interface ResolveOptions {
  /** The name server to ask, by IP address; undefined for the system's way. */
  readonly server: Address | undefined;
  /** Ranges (CIDR) that answers have to lie in; empty for any. */
  readonly networks: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
}

/** What was found of a name. */
export interface Resolved {
  /** Each once, and sorted. */
  readonly addresses: readonly string[];
  /** The IP version of which nothing can be said, as nobody has answered for it. */
  readonly unknown: IpVersion | undefined;
}

/** Of the Internet Protocol. */
export type IpVersion = 4 | 6;

/**
 * All addresses of a name, IPv4 and IPv6. The two are asked for apart: where one is found, and nobody
 * answers for the other, as name servers do that know only A records, what is found has to do.
 *
 * By default the system is asked (getaddrinfo): it heeds `/etc/hosts` and the search domains of
 * `/etc/resolv.conf`, as every other program on the machine does, and takes the permission for the
 * name alone. `Deno.resolveDns` would need one for each of the machine's name servers, which change;
 * it is the way to ask a certain server, such as Consul's.
 *
 * @throws {ProxyError} `resolve_failed`, also where there is no address
 */
export async function resolveName(
  { host, port }: Address,
  options: ResolveOptions,
): Promise<Resolved> {
  const { server, networks, timeout } = options;
  const late = Promise.withResolvers<never>();
  // who waits no longer is not to be told
  late.promise.catch(() => {});
  const abort = new AbortController();
  const timer = setTimeout(() => {
    late.reject(tooLate(host, timeout));
    abort.abort();
  }, timeout);
  try {
    const ask = (version: IpVersion) =>
      server === undefined
        ? bySystem(host, version)
        : byServer(host, version, { server, signal: abort.signal });
    const askInTime = (version: IpVersion) => Promise.race([ask(version), late.promise]);
    const { addresses, unknown } = await askForBoth(askInTime, Math.min(timeout, PATIENCE_MS));
    const meant = inNetworks(addresses, { host, networks });
    return { addresses: permitted(meant, { host, port }), unknown };
  } catch (error) {
    if (error instanceof ProxyError) throw error;
    throw failed(
      `Cannot resolve ${host}${server === undefined ? "" : ` at ${server.host}`}`,
      error,
    );
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

const VERSIONS = [4, 6] as const;

/** Milliseconds for which one kind of address is still waited for once the other is found. */
const PATIENCE_MS = 1_000;

/**
 * What both say, or what one has found where the other fails or takes too long.
 *
 * @param ask for one of `VERSIONS`; a name without such addresses has none
 * @throws what went wrong, where nothing was found
 */
async function askForBoth(
  ask: (version: IpVersion) => Promise<readonly string[]>,
  patience: number,
): Promise<Resolved> {
  const answers: (readonly string[] | undefined)[] = VERSIONS.map(() => undefined);
  const found = Promise.withResolvers<void>();
  const asked = VERSIONS.map(async (version, index) => {
    const addresses = answers[index] = await ask(version);
    if (addresses.length > 0) found.resolve();
  });
  const all = Promise.allSettled(asked);
  await Promise.race([all, found.promise]);
  const pause = Promise.withResolvers<void>();
  const timer = setTimeout(pause.resolve, patience);
  await Promise.race([all, pause.promise]);
  clearTimeout(timer);
  const addresses = [...new Set(answers.flatMap((answer) => answer ?? []))].sort();
  const missing = answers.indexOf(undefined);
  // half an answer without an address is none
  if (missing >= 0 && addresses.length === 0) await Promise.all(asked);
  return { addresses, unknown: VERSIONS[missing] };
}

async function bySystem(host: string, version: IpVersion): Promise<readonly string[]> {
  try {
    const found = await lookup(host, { all: true, family: version });
    return found.map(({ address }) => address);
  } catch (error) {
    if (isNoAddress(error)) return [];
    throw error;
  }
}

/** Whether the system says that there is no such address, and not that it could not be asked. */
function isNoAddress(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOTFOUND" || code === "ENODATA";
}

async function byServer(
  host: string,
  version: IpVersion,
  { server, signal }: { server: Address; signal: AbortSignal },
): Promise<readonly string[]> {
  const nameServer = { ipAddr: server.host, port: server.port };
  try {
    return await Deno.resolveDns(host, version === 4 ? "A" : "AAAA", { nameServer, signal });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** @throws {ProxyError} where none of them lies in the networks, or there is none */
function inNetworks(
  addresses: readonly string[],
  { host, networks }: { host: string; networks: readonly string[] },
): readonly string[] {
  if (addresses.length === 0) throw failed(`${host} has no address`);
  if (networks.length === 0) return addresses;
  const allowed = new AddressSet(networks);
  const meant = addresses.filter((address) => allowed.has(address));
  if (meant.length > 0) return meant;
  throw failed(`${host} has no address in ${networks.join(", ")}, but ${addresses.join(", ")}`);
}

/**
 * Those that this process may connect to. It may have been granted a range, of which the runtime knows
 * none of IPv6: the others would fail each time.
 *
 * @throws {ProxyError} where it may connect to none of them
 */
function permitted(addresses: readonly string[], { host, port }: Address): readonly string[] {
  const permitted = addresses.filter((host) => mayConnect(formatAddress({ host, port })));
  if (permitted.length > 0) return permitted;
  throw failed(
    `${host} has no address that this process may connect to, but ${addresses.join(", ")}`,
  );
}

function tooLate(host: string, timeout: number): ProxyError {
  return failed(`Cannot resolve ${host}: no answer within ${timeout} ms`);
}

function failed(message: string, cause?: unknown): ProxyError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new ProxyError("resolve_failed", message + why, { cause });
}
