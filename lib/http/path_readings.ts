/**
 * What servers may take a path for that could be written more plainly: some undo percent-encoding, take
 * `.` and `..` out (RFC 3986, section 6.2.2), make one slash of several, take `\` for one, or leave
 * out what follows `;` in a segment.
 *
 * @param path in origin-form, maybe with a query
 * @returns without the query; none for a path that all read alike
 */
export function pathReadings(path: string): readonly string[] {
  const [bare = ""] = path.split("?", 1);
  if (!ODD.test(bare)) return NONE;
  const decoded = bare.replace(
    /%([0-9a-f]{2})/gi,
    (_, digits) => String.fromCharCode(parseInt(digits, 16)),
  );
  return [bare, decoded].flatMap((text) => [text, text.replace(/;[^/\\]*/g, "")]).map(resolved);
}

const ODD = /[%;\\]|\/[/.]/;
const NONE: readonly string[] = [];

/** With one slash between segments, and none that is `.` or `..`. */
function resolved(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split(/[/\\]+/)) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}
