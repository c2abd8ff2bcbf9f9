/**
 * What servers may take a path for that could be written more plainly: each does some of `STEPS`, and
 * takes `.` and `..` out (RFC 3986, section 5.2.4), before or after it makes one slash of several.
 * What has to be encoded stays so, in capitals.
 *
 * @param path in origin-form, maybe with a query
 * @returns each once, without the query; none for a path that all read as it is written, undefined for
 *   a long one that may be read in so many ways that to find them would be much work
 */
export function pathReadings(path: string): readonly string[] | undefined {
  const [bare = ""] = path.split("?", 1);
  if (!ODD.test(bare)) return NONE;
  let texts = new Set([bare.replace(CODE, (code) => code.toUpperCase())]);
  for (const step of STEPS) {
    texts = new Set([...texts].flatMap((text) => [text, step(text)]));
    if (texts.size > FEW && texts.size * bare.length > MOST_CHARACTERS) return undefined;
  }
  const readings = new Set([...texts].map(resolved));
  return [...readings].filter((reading) => reading !== bare);
}

/** Of all readings together: a path of 2 KiB may be read in every way there is. */
const MOST_CHARACTERS = 64 * 1024;
/** Readings before that is looked at. */
const FEW = 4;
const ODD = /[%;\\]|\/[/.]/;
const CODE = /%[0-9a-f]{2}/gi;
/** What need not be encoded (RFC 3986, section 2.3). */
const UNRESERVED = /[\w\-.~]/;
/** Visible ASCII without `%`. */
const VISIBLE = /[!-$&-~]/;
const NONE: readonly string[] = [];

/** What one server does and another does not, in order. */
const STEPS: readonly ((path: string) => string)[] = [
  (path) => decoded(path, UNRESERVED),
  (path) => decoded(path, VISIBLE),
  (path) => path.replaceAll("\\", "/"),
  // parameters of a segment
  (path) => path.replace(/;[^/]*/g, ""),
  withSingleSlashes,
];

function decoded(path: string, characters: RegExp): string {
  return path.replace(CODE, (code) => {
    const character = String.fromCharCode(parseInt(code.slice(1), 16));
    return characters.test(character) ? character : code;
  });
}

function withSingleSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}

/** With no segment that is `.` or `..`, nor, once these are out, an empty one. */
function resolved(path: string): string {
  const segments: string[] = [];
  for (const segment of path.slice(1).split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== ".") segments.push(segment);
  }
  return withSingleSlashes(`/${segments.join("/")}`).replace(/(?<=.)\/$/, "");
}
