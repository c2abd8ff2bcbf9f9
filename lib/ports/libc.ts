/**
 * Where the C library of this system, or of the given one, stands, by absolute path, so that a
 * permission can name it; undefined where it is not known.
 */
export function libcPath(
  { os, arch, env }: Pick<typeof Deno.build, "os" | "arch" | "env"> = Deno.build,
): string | undefined {
  if (os === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (os !== "linux") return undefined;
  // musl's loader is the library, too
  return env === "musl" ? `/lib/ld-musl-${arch}.so.1` : `/lib/${arch}-linux-gnu/libc.so.6`;
}
