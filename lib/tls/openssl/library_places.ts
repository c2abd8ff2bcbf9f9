/** Where one pair of libraries stands, by absolute paths, so that a permission can name them. */
export interface LibraryPlace {
  readonly crypto: string;
  readonly ssl: string;
}

/**
 * Where distributions put OpenSSL 3, the likeliest first: `libcrypto` from the folder of its
 * `libssl`, as the two belong together.
 */
export function libraryPlaces(
  { os, arch, env }: Pick<typeof Deno.build, "os" | "arch" | "env"> = Deno.build,
): readonly LibraryPlace[] {
  if (os === "darwin") {
    return ["/opt/homebrew/opt/openssl@3/lib", "/usr/local/opt/openssl@3/lib"]
      .map((folder) => ({
        crypto: `${folder}/libcrypto.3.dylib`,
        ssl: `${folder}/libssl.3.dylib`,
      }));
  }
  if (os !== "linux") return [];
  const folders = env === "musl"
    ? ["/usr/lib", "/lib"] // Alpine
    : [
      `/usr/lib/${arch}-linux-gnu`, // Debian, Ubuntu
      "/usr/lib64", // Fedora, RHEL, openSUSE
      "/usr/lib", // Arch
    ];
  return folders.map((folder) => ({
    crypto: `${folder}/libcrypto.so.3`,
    ssl: `${folder}/libssl.so.3`,
  }));
}

/**
 * The place that has the libraries on this machine, none where there is none; all places where that
 * cannot be found out, as for another machine.
 */
export function installedPlaces(
  platform?: Pick<typeof Deno.build, "os" | "arch" | "env">,
): readonly LibraryPlace[] {
  const places = libraryPlaces(platform);
  if (platform !== undefined) return places;
  try {
    return places.filter(({ ssl, crypto }) => exists(ssl) && exists(crypto)).slice(0, 1);
  } catch {
    return places;
  }
}

/** @throws where it may not be asked */
function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Why a library that is there cannot be opened, in the system's words; undefined where it is not
 * there.
 *
 * @param message what the runtime says of it
 */
export function openingTrouble(message: string, path: string): string | undefined {
  const said = message.replace(RUNTIME_WORDS, "");
  // macOS has a sentence for each place that it has looked at
  const isMissing = said.startsWith(`${path}: cannot open shared object file: No such file`) ||
    /\bno such file\b/.test(said);
  return isMissing ? undefined : said;
}

const RUNTIME_WORDS =
  /^(?:Could not open library: |Failed to register symbol \S+: |Could not obtain symbol from the library: )+/;

/** Why OpenSSL cannot be called where the libraries are not there, and what to do about it. */
export function notInstalled(os?: typeof Deno.build.os): string {
  return `OpenSSL 3 is not installed: the package is ${packageOfLibrary(os)}`;
}

/** Which package brings the libraries, for a person. */
export function packageOfLibrary(os: typeof Deno.build.os = Deno.build.os): string {
  return os === "darwin"
    ? "openssl@3 (Homebrew)"
    : "libssl3 (Debian, Ubuntu, Alpine) or openssl-libs (Fedora)";
}
