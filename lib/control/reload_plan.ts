import type { Config } from "../config/config.ts";
import { formatAddress } from "../core/address.ts";
import { isSameBytes } from "../core/bytes.ts";
import { plural } from "../core/plural.ts";
import type { LoadedConfig } from "./snapshot.ts";

/** What a reload changes, in words; empty where it changes nothing. */
export function planReload(before: LoadedConfig, after: LoadedConfig): readonly string[] {
  const old = before.config;
  const next = after.config;
  const plan = [
    ...changes("route", itemsOf(old.routes, routeId), itemsOf(next.routes, routeId)),
    ...reordered(old, next),
    ...changes("backend", itemsOf(old.backends, first), itemsOf(next.backends, first)),
    ...changes("certificate", certificatesOf(before), certificatesOf(after)),
    ...trustChanged(before, after),
    ...changes("listener", itemsOf(old.listeners, listenerId), itemsOf(next.listeners, listenerId)),
    ...pages(old, next),
    ...filesChanged(before, after),
    ...settings(old, next),
  ];
  // whoever runs a proxy asks this first, and it holds for every reload: a listener that goes
  // leaves its connections open, and a server that goes finishes what runs on it
  return plan.length === 0 ? [] : [...plan, "0 connections closed"];
}

/** What there is by what makes it the same thing, and its state as text. */
type Items = ReadonlyMap<string, string>;

/** Things that are alike in what makes them the same are told apart by their order. */
function itemsOf<T>(things: Iterable<T>, idOf: (thing: T) => string): Items {
  const items = new Map<string, string>();
  for (const thing of things) {
    const id = idOf(thing);
    let key = id;
    for (let count = 2; items.has(key); count++) key = `${id} ${count}`;
    items.set(key, JSON.stringify(thing));
  }
  return items;
}

function routeId({ hosts, paths }: Config["routes"][number]): string {
  return JSON.stringify([hosts, paths]);
}

function listenerId({ listen }: Config["listeners"][number]): string {
  return formatAddress(listen);
}

function first([name]: readonly [string, unknown]): string {
  return name;
}

/** By path: what is renewed, be it the chain alone, is another in the same place. */
function certificatesOf({ config, certificates }: LoadedConfig): Items {
  const things = config.certificates.map((entry, index) => ({
    entry,
    digest: certificates[index]?.digest,
  }));
  return itemsOf(things, ({ entry }) => entry.cert);
}

/** Whom to trust is not a list of things: that any of it is another is what counts. */
function trustChanged(before: LoadedConfig, after: LoadedConfig): string[] {
  const told = ({ config, trust }: LoadedConfig) =>
    JSON.stringify([
      config.clientAuth,
      [...trust.authorities].map(([path, { digest }]) => [path, digest]),
      [...trust.revocations].map(([path, { digest }]) => [path, digest]),
      [...trust.shown].map(([name, { digest }]) => [name, digest]),
    ]);
  return told(before) === told(after) ? [] : ["trust changed"];
}

function pages(old: Config, next: Config): string[] {
  const told = ({ errorPages }: Config) => JSON.stringify([...errorPages]);
  return told(old) === told(next) ? [] : ["error_pages changed"];
}

/** What is served or asked by out of files: answers, pages and passwords. */
function filesChanged({ contents: old }: LoadedConfig, { contents: next }: LoadedConfig): string[] {
  const changed = next.entries().filter(([path, bytes]) => {
    const before = old.get(path);
    return before !== undefined && !isSameBytes(before, bytes);
  });
  return [counted(changed.toArray().length, "file", "changed")].filter((text) => text !== "");
}

function changes(what: string, old: Items, next: Items): string[] {
  const added = [...next.keys()].filter((id) => !old.has(id)).length;
  const removed = [...old.keys()].filter((id) => !next.has(id)).length;
  const changed = [...next].filter(([id, state]) => old.has(id) && old.get(id) !== state).length;
  return [
    counted(added, what, "added"),
    counted(removed, what, what === "backend" ? "removed and draining" : "removed"),
    counted(changed, what, "changed"),
  ].filter((text) => text !== "");
}

/** The first route that matches wins, so their order is a thing that changes. */
function reordered(old: Config, next: Config): string[] {
  const [before, after] = [itemsOf(old.routes, routeId), itemsOf(next.routes, routeId)];
  const stay = [...before.keys()].filter((id) => after.has(id));
  const now = [...after.keys()].filter((id) => before.has(id));
  return stay.every((id, index) => id === now[index]) ? [] : ["routes reordered"];
}

const SETTINGS = [
  "forwarded",
  "timeouts",
  "limits",
  "workers",
  "log",
  "watch",
  "admin",
  "acme",
  "cluster",
] as const;
/** Those that are made once, at start. */
const AT_START: ReadonlySet<string> = new Set(["workers", "cluster"]);

function settings(old: Config, next: Config): string[] {
  return SETTINGS
    .filter((key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]))
    .map((key) => AT_START.has(key) ? `${key} changed (from the next start on)` : `${key} changed`);
}

function counted(count: number, what: string, done: string): string {
  return count === 0 ? "" : `${plural(count, what)} ${done}`;
}
