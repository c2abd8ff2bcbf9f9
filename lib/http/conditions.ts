/** What of a request conditions look at. */
export interface ConditionFacts {
  readonly method: string;
  /** The values of every line of a field. @param name in lower case */
  values(name: string): readonly string[];
}

/** What a request has to be beside its host and path. */
export interface Conditions {
  /** As they are written in requests, GET for HEAD too; empty for every method. */
  readonly methods: readonly string[];
  /**
   * By name in lower case, the value that a line must have; `*` for any. Of `cookie` it is one pair
   * of all that are sent, as `name=value`, or `name=*`.
   */
  readonly headers: Readonly<Record<string, string>>;
}

/** Whether there is nothing to be met. */
export function isUnconditional({ methods, headers }: Conditions): boolean {
  return methods.length === 0 && Object.keys(headers).length === 0;
}

/** Whether a request is all that a route's conditions ask for. */
export function meets(facts: ConditionFacts, { methods, headers }: Conditions): boolean {
  if (methods.length > 0 && !hasMethod(methods, facts.method)) return false;
  for (const name in headers) {
    const wanted = headers[name] ?? "";
    const values = facts.values(name);
    const found = name === "cookie" ? hasPair(values, wanted) : hasValue(values, wanted);
    if (!found) return false;
  }
  return true;
}

/** HEAD asks for what GET does, without its content (RFC 9110, section 9.3.2). */
function hasMethod(methods: readonly string[], method: string): boolean {
  return methods.includes(method) || (method === "HEAD" && methods.includes("GET"));
}

function hasValue(values: readonly string[], wanted: string): boolean {
  return wanted === "*" ? values.length > 0 : values.includes(wanted);
}

/** RFC 6265, section 4.2.1: pairs are parted by `; `. */
function hasPair(values: readonly string[], wanted: string): boolean {
  if (wanted === "*") return values.length > 0;
  const pairs = values.flatMap((value) => value.split(";")).map((pair) => pair.trim());
  if (!wanted.endsWith("=*")) return pairs.includes(wanted);
  const start = wanted.slice(0, -1);
  return pairs.some((pair) => pair.startsWith(start));
}
