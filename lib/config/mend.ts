import type { KeyPath } from "./key_path.ts";

/**
 * Takes a value that a schema refuses out of what a file says, so that the rest of it can be looked
 * at: one mistake should not hide the next. What a file cannot do without gets a stand-in, and a list
 * goes with the last of it, as an empty one would be another mistake.
 *
 * @param input what the file says; it is changed
 * @returns whether there was something to take out
 */
export function mend(input: unknown, path: KeyPath): boolean {
  const parent = path.slice(0, -1).reduce<unknown>(childOf, input);
  const key = path.at(-1);
  if (key === undefined || typeof parent !== "object" || parent === null) return false;
  // one that expects nothing would be another mistake
  if (path[0] === "tests" && path[2] === "expect" && path.length > 3) {
    return mend(input, path.slice(0, 3));
  }
  const standIn = standInFor(path, parent);
  if (standIn !== undefined) Reflect.set(parent, key, standIn);
  else if (Array.isArray(parent) && parent.length === 1) return mend(input, path.slice(0, -1));
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else return Reflect.has(parent, key) && Reflect.deleteProperty(parent, key);
  return true;
}

/**
 * What says nothing, in places where something must stand, or what else stands there would be a
 * mistake; `*` is any key or index.
 */
const STAND_INS: ReadonlyMap<string, (parent: object) => unknown> = new Map(Object.entries({
  "listeners": () => [{ listen: "127.0.0.1:0" }],
  "listeners.*": () => ({ listen: "127.0.0.1:0" }),
  "listeners.*.listen": () => "127.0.0.1:0",
  "listeners.*.mode": (listener: object) => "alpn" in listener ? "tcp" : "http",
  "listeners.*.redirect": () => "https",
  "listeners.*.proxy_protocol.from": () => ["127.0.0.1"],
  "certificates.*": () => ({ cert: "-", key: "-" }),
  "certificates.*.cert": () => "-",
  "certificates.*.key": () => "-",
  "certificates.*.acme": () => ["stand-in.invalid"],
  "acme.accept_terms": () => true,
  "acme.eab.kid": () => "-",
  "acme.eab.hmac_file": () => "-",
  "client_auth.*": () => ({ ca: "-", hosts: ["stand-in.invalid"] }),
  "client_auth.*.ca": () => "-",
  "backends.*.servers": () => ["127.0.0.1:1"],
  "backends.*.servers.*": () => "127.0.0.1:1",
  "backends.*.servers.*.address": () => "127.0.0.1:1",
  "backends.*.tls.cert": () => "-",
  "backends.*.tls.key": () => "-",
  "routes.*": () => ({ backend: "" }),
  "routes.*.backend": () => "",
  "routes.*.redirect": () => ({ to: "/" }),
  "routes.*.redirect.to": () => "/",
  "routes.*.respond": () => ({}),
  "routes.*.rate_limit.requests": () => "1/s",
  "routes.*.basic_auth.file": () => "-",
  "cluster.redis": () => "127.0.0.1:1",
  "tests.*": () => ({ expect: { status: 404 } }),
  "tests.*.expect": () => ({ status: 404 }),
}));

/** Whose second key is a name or an index. */
const COLLECTIONS = new Set(
  ["listeners", "certificates", "client_auth", "backends", "routes", "tests"],
);

function standInFor(path: KeyPath, parent: object): unknown {
  const [first = ""] = path;
  const pattern = path.map((key, depth) =>
    typeof key === "number" || (depth === 1 && COLLECTIONS.has(String(first))) ? "*" : key
  );
  return STAND_INS.get(pattern.join("."))?.(parent);
}

function childOf(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
