import { type Field, field } from "./field.ts";
import { fieldName } from "./field_name.ts";

/**
 * `Date` as an answer that has none gets it (RFC 9110, section 6.6.1): seconds are its unit, so all
 * answers of one second have the same field.
 *
 * @param now milliseconds since 1970
 */
export function dateField(now: number): Field {
  const second = Math.floor(now / 1000);
  if (last === undefined || second !== lastSecond) {
    // the form that is to be sent (IMF-fixdate, section 5.6.7)
    last = field(DATE, new Date(second * 1000).toUTCString());
    lastSecond = second;
  }
  return last;
}

const DATE = fieldName("Date");
let last: Field | undefined;
let lastSecond = 0;
