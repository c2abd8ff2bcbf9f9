import { formatAddress } from "../core/address.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** What a reload changes, in words; empty where it changes nothing. */
export function planReload(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const old = before.config;
  const next = after.config;
  const plan = [
    ...changes("listener", old.listeners, next.listeners, ({ listen }) => formatAddress(listen)),
    ...changes(
      "certificate",
      before.certificates,
      after.certificates,
      ({ fingerprint }) => fingerprint,
    ),
    ...changes("backend", [...old.backends], [...next.backends], ([name]) => name),
    ...changes(
      "route",
      old.routes,
      next.routes,
      (route) => JSON.stringify([route.hosts, route.paths]),
    ),
    ...settings(old, next),
  ];
  // whatever changes, what is open is served to its end
  return plan.length === 0 ? plan : [...plan, "0 connections closed"];
}

const SETTINGS = ["forwarded", "timeouts", "limits", "workers", "log", "watch", "admin"] as const;

function settings(
  old: LoadedConfig["config"],
  next: LoadedConfig["config"],
): string[] {
  return SETTINGS
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]))
    .map((key) => `${key} changed`);
}

function changes<T>(
  what: string,
  before: readonly T[],
  after: readonly T[],
  idOf: (item: T) => string,
): string[] {
  const old = new Map(before.map((item) => [idOf(item), item]));
  const next = new Map(after.map((item) => [idOf(item), item]));
  const added = [...next.keys()].filter((id) => !old.has(id)).length;
  const removed = [...old.keys()].filter((id) => !next.has(id)).length;
  const changed =
    [...next].filter(([id, item]) =>
      old.has(id) && JSON.stringify(old.get(id)) !== JSON.stringify(item)
    ).length;
  return [
    counted(added, what, "added"),
    counted(removed, what, what === "backend" ? "removed and draining" : "removed"),
    counted(changed, what, "changed"),
  ].filter((text) => text !== "");
}

function counted(count: number, what: string, done: string): string {
  return count === 0 ? "" : `${count} ${what}${count === 1 ? "" : "s"} ${done}`;
}
