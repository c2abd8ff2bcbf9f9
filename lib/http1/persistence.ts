import { ROLE } from "../http/field_name.ts";
import { type Field, hasRole, hasToken } from "../http/field.ts";

/** Whether the sender of a head keeps its connection open afterwards (RFC 9112, section 9.3). */
export function keepsAlive({ minor, fields }: { minor: 0 | 1; fields: readonly Field[] }): boolean {
  if (!hasRole(fields, ROLE.connection)) return minor === 1;
  if (hasToken(fields, "connection", "close")) return false;
  return minor === 1 || hasToken(fields, "connection", "keep-alive");
}
