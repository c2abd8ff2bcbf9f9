import assert from "node:assert/strict";
import { dateField } from "./date.ts";
import { ROLE } from "./field_name.ts";

Deno.test("dateField() tells the second in the form that is to be sent (RFC 9110 5.6.7)", () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 37, 999);
  const { name, value, role } = dateField(now);
  assert.deepEqual([name, value, role], ["Date", "Sun, 06 Nov 1994 08:49:37 GMT", ROLE.date]);
  assert.equal(dateField(now - 999), dateField(now));
  assert.equal(dateField(now + 1).value, "Sun, 06 Nov 1994 08:49:38 GMT");
  assert.equal(dateField(now).value, "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(dateField(0).value, "Thu, 01 Jan 1970 00:00:00 GMT");
});
