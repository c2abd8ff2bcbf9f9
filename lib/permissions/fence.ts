import { formatAddress } from "../core/address.ts";
import { networkEnds } from "../core/ip.ts";
import { KINDS } from "./flags.ts";
import type { Grants } from "./grants.ts";

/** Whether this process holds a permission; `Deno.permissions.querySync` in the end. */
export type Holds = (permission: Deno.PermissionDescriptor) => boolean;

/** A single permission. */
export interface Grant {
  readonly kind: keyof Grants;
  readonly value: string;
  /** The same as a flag. */
  readonly flag: string;
}

/**
 * What is needed and not held. Libraries are not asked for: their permission is given up at start,
 * and an engine that was not given its own says so itself.
 */
export function missingGrants(needs: Grants, holds: Holds): readonly Grant[] {
  return KINDS.filter((kind) => kind !== "ffi").flatMap((kind) =>
    needs[kind]
      .filter((value) => !descriptors(kind, value).every(holds))
      .map((value) => ({ kind, value, flag: `--allow-${kind}=${value}` }))
  );
}

/**
 * What is held beyond the needs, as flags, as far as a process can find out: it can ask for a whole
 * kind and for single permissions, but not for a list of what it holds. So beside whole kinds, all
 * ports of the hosts it uses and writing to the files it reads are asked for.
 */
export function surplusFlags(needs: Grants, holds: Holds): readonly string[] {
  return [
    ...WHOLE_KINDS.filter((name) => !(name === "ffi" && needs.ffi === "any") && holds({ name }))
      .map((name) => `--allow-${name}`),
    ...(holds({ name: "net" }) ? [] : otherPorts(needs, holds)),
    ...(holds({ name: "write" }) ? [] : writable(needs, holds)),
  ];
}

const WHOLE_KINDS = ["net", "read", "write", "env", "sys", "run", "ffi"] as const;

function otherPorts({ net }: Grants, holds: Holds): string[] {
  const hosts = net.flatMap((value) => /^(?!unix:)(.*):\d+$/.exec(value)?.[1] ?? []);
  return [...new Set(hosts)]
    .filter((host) => !net.includes(host) && holds({ name: "net", host }))
    .map((host) => `--allow-net=${host}`);
}

function writable({ read, write }: Grants, holds: Holds): string[] {
  return read.filter((path) => !write.includes(path) && holds({ name: "write", path }))
    .map((path) => `--allow-write=${path}`);
}

/** What can be asked for in the place of a permission. */
function descriptors(
  kind: Exclude<keyof Grants, "ffi">,
  value: string,
): readonly Deno.PermissionDescriptor[] {
  switch (kind) {
    case "net":
      return hostsAsked(value).map((host) => ({ name: kind, host }));
    case "env":
      return [{ name: kind, variable: value }];
    case "read":
    case "write":
      return [{ name: kind, path: value }];
  }
}

/** A range cannot be asked for, whoever holds it: its first and its last address stand for it. */
function hostsAsked(value: string): readonly string[] {
  const [, range = "", port] = /^(?!unix:)\[?([^\]]*\/\d+)\]?:(\d+)$/.exec(value) ?? [];
  const ends = networkEnds(range);
  return ends?.map((host) => formatAddress({ host, port: Number(port) })) ?? [value];
}
