import { ProxyError } from "../core/errors.ts";
import { fieldName, nameForRules, ROLE } from "./field_name.ts";
import { HOST } from "./grammar.ts";
import type { FieldChanges } from "./message.ts";
import { withoutEmptyPort } from "./target.ts";
import { isConstant, parseTemplate, render, type Template, type Variables } from "./template.ts";

/** What is to become of the fields of a message; values may hold variables. */
export interface FieldRules {
  /** Put in, in the place of all lines of the same name. */
  readonly set: Readonly<Record<string, string>>;
  /** Put in beside what is there. */
  readonly add: Readonly<Record<string, string>>;
  /** Names of lines that do not go on. */
  readonly remove: readonly string[];
}

/** Makes the changes that rules ask for. */
export type FieldChanger = (variables: Variables) => FieldChanges;

/**
 * Rules as a function of a request; undefined where they ask for nothing. Where no value depends on
 * the request the changes are made once.
 */
export function fieldChanger({ set, add, remove }: FieldRules): FieldChanger | undefined {
  const lines = [...Object.entries(set), ...Object.entries(add)].map(([name, value]) => ({
    name,
    value: parseTemplate(value),
  }));
  const removed = new Set([...Object.keys(set), ...remove].map(nameForRules));
  if (lines.length === 0 && removed.size === 0) return undefined;
  const changes = (valueOf: (template: Template) => string): FieldChanges => ({
    remove: removed,
    add: lines.map(({ name, value }) => ({ name, value: valueOf(value).trim() })),
  });
  if (lines.every(({ value }) => isConstant(value))) {
    const made = changes(({ parts }) => parts[0] ?? "");
    return () => made;
  }
  return (variables) => changes((template) => render(template, variables));
}

/** Makes the `Host` that a rule asks for. */
export type HostMaker = (variables: Variables) => string;

/**
 * The `Host` that rules for requests set, and the rules without it: a request has exactly one, and
 * HTTP/2 has it in another place. Like `Host` of a client, it is a name or an address, maybe with a
 * port; where the variables make none of it the request is refused.
 */
export function splitHost(rules: FieldRules): { host: HostMaker | undefined; rest: FieldRules } {
  const set = Object.entries(rules.set);
  const [, text] = set.find(([name]) => isHost(name)) ?? [];
  if (text === undefined) return { host: undefined, rest: rules };
  const rest = { ...rules, set: Object.fromEntries(set.filter(([name]) => !isHost(name))) };
  const template = parseTemplate(text);
  return { host: (variables) => hostOf(render(template, variables)), rest };
}

/** Whether a name is that of the one field that rules can set and do nothing else with. */
export function isHost(name: string): boolean {
  return name.toLowerCase() === "host";
}

/** @throws {ProxyError} `bad_host` where it is none */
function hostOf(text: string): string {
  const host = text.trim();
  if (HOST.test(host)) return withoutEmptyPort(host);
  throw new ProxyError("bad_host", "The route's rule makes no Host of what the request says");
}

/** Names that rules leave alone: who may be believed hangs on them, or how a message ends. */
const UNTOUCHABLE = ROLE.hopByHop | ROLE.forwarded | ROLE.host | ROLE.expect;

/** Whether a field is the proxy's own business, under this spelling or with `_` for `-`. */
export function isUntouchable(name: string): boolean {
  const spellings = [name, nameForRules(name)].map(fieldName);
  return spellings.some(({ key, role }) => (role & UNTOUCHABLE) !== 0 || key === "trailer");
}
