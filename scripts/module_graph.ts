/**
 * What modules import, as the runtime itself reads them (`deno info --json`).
 */

/** An import as it stands in a file. */
export interface Import {
  /** Counted from 1. */
  readonly line: number;
  readonly specifier: string;
  /** Whether it is for types alone, and gone when the program runs. */
  readonly typeOnly: boolean;
  /** The path of the imported file from the root on; undefined for a package. */
  readonly target: string | undefined;
}

/**
 * The imports of files, in their order, by the path of each.
 *
 * @param root an absolute folder
 * @param files paths from there on
 * @throws {Error} with what the runtime says, where it reads a file not
 */
export async function readGraph(
  root: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, readonly Import[]>> {
  const base = new URL(`file://${root}/`).href;
  const everything = files.map((file) => `import ${JSON.stringify(base + file)};`).join("");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `data:application/typescript,${encodeURIComponent(everything)}`],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const { modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  return new Map(files.map((file) => {
    const module = bySpecifier.get(base + file);
    if (module === undefined || module.error !== undefined) {
      throw new Error(`${file}: ${module?.error ?? "is not in the graph"}`);
    }
    return [file, (module.dependencies ?? []).flatMap((one) => importsOf(one, base)).sort(byLine)];
  }));
}

/** As much of what `deno info --json` prints as is looked at. */
interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly Dependency[];
  }[];
}

/** All imports of one specifier in a file: the first of values, and the first of types alone. */
interface Dependency {
  readonly specifier: string;
  readonly code?: Resolved;
  readonly type?: Resolved;
}

interface Resolved {
  /** Undefined where it could not be resolved. */
  readonly specifier?: string;
  readonly span: { readonly start: { readonly line: number } };
}

function importsOf({ specifier, code, type }: Dependency, base: string): readonly Import[] {
  return [[code, false], [type, true]].flatMap(([resolved, typeOnly]) => {
    if (typeof resolved !== "object") return [];
    const line = resolved.span.start.line + 1;
    return [{ line, specifier, typeOnly: typeOnly === true, target: pathOf(resolved, base) }];
  });
}

function pathOf({ specifier }: Resolved, base: string): string | undefined {
  return specifier?.startsWith(base) === true ? specifier.slice(base.length) : undefined;
}

function byLine(a: Import, b: Import): number {
  return a.line - b.line;
}
