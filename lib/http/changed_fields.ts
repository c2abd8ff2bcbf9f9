import { nameForRules, ROLE } from "./field_name.ts";
import { type Field, field } from "./field.ts";
import type { FieldChanges, RequestChanges } from "./message.ts";

/**
 * The fields that a rule leaves and adds. Those that frame a message or speak of one connection are
 * not for rules to take away.
 */
export function changedFields(
  fields: readonly Field[],
  changes: FieldChanges | undefined,
): readonly Field[] {
  if (changes === undefined) return fields;
  const { remove, add } = changes;
  const kept = fields.filter(({ key, role }) =>
    (role & ROLE.hopByHop) !== 0 || !remove.has(nameForRules(key))
  );
  return [...kept, ...add.map(({ name, value }) => field(name, value))];
}

/** The same of a request, whose `Host` a rule may have made another. */
export function changedRequestFields(
  fields: readonly Field[],
  changes: RequestChanges | undefined,
): readonly Field[] {
  const host = changes?.host;
  const named = host === undefined
    ? fields
    : fields.map((one) => (one.role & ROLE.host) === 0 ? one : field("Host", host));
  return changedFields(named, changes);
}
