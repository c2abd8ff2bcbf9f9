import manifest from "../../deno.json" with { type: "json" };

/** What an executable knows of how it was made; nothing where the program runs from its source. */
export interface BuildFacts {
  /** Short, with `-dirty` where files differed from it; undefined where it is not known. */
  readonly commit: string | undefined;
  /** When the commit was made (RFC 3339): the same source gives the same executable. */
  readonly date: string | undefined;
  /** The configuration whose permissions are inside; undefined for those of any. */
  readonly config: string | undefined;
}

/** What `--version` prints: the version alone in the first line. */
export function versionText(build: BuildFacts | undefined): string {
  const made = build === undefined
    ? "from source"
    : `commit ${build.commit ?? "unknown"}${build.date === undefined ? "" : ` of ${build.date}`}`;
  return [
    manifest.version,
    `Deno ${Deno.version.deno}, ${Deno.build.target}, ${made}`,
    ...(build === undefined
      ? []
      : [`permissions: those of ${build.config ?? "any configuration"}`]),
  ].join("\n");
}
