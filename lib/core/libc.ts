/**
 * Where the system's C library stands, by absolute path, so that a permission can name it;
 * undefined where it is not known.
 */
export function libcPath(): string | undefined {
  const { os, arch } = Deno.build;
  if (os === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (os === "linux") return `/lib/${arch}-linux-gnu/libc.so.6`;
  return undefined;
}
