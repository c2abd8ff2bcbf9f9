/**
 * Where the C library of this system, or of the given one, stands, by absolute path, so that a
 * permission can name it; undefined where it is not known.
 */
export function libcPath(
  { os, arch }: Pick<typeof Deno.build, "os" | "arch"> = Deno.build,
): string | undefined {
  if (os === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (os === "linux") return `/lib/${arch}-linux-gnu/libc.so.6`;
  return undefined;
}
