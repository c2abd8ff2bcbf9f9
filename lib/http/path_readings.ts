/**
 * What servers may take a path for that could be written more plainly: some undo percent-encoding, take
 * `.` and `..` out (RFC 3986, section 6.2.2), make one slash of several, take `\` for one, or leave
 * out what follows `;` in a segment. What has to be encoded stays so, in capitals.
 *
 * @param path in origin-form, maybe with a query
 * @returns each once, without the query; none for a path that all read as it is written
 */
export function pathReadings(path: string): readonly string[] {
  const [bare = ""] = path.split("?", 1);
  if (!ODD.test(bare)) return NONE;
  const encoded = bare.replace(CODE, (code) => code.toUpperCase());
  const decoded = encoded.replace(CODE, (code) => {
    const character = String.fromCharCode(parseInt(code.slice(1), 16));
    return VISIBLE.test(character) ? character : code;
  });
  const readings = [encoded, decoded]
    .flatMap((text) => [text, text.replace(/;[^/\\]*/g, "")]).map(resolved);
  return [...new Set(readings)].filter((reading) => reading !== bare);
}

const ODD = /[%;\\]|\/[/.]/;
const CODE = /%[0-9a-f]{2}/gi;
/** Visible ASCII without `%`. */
const VISIBLE = /[!-$&-~]/;
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
