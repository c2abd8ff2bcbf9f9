/**
 * Runs the `openssl` command and gives what it printed.
 *
 * @throws {Error} with what it said, where it fails
 */
export async function openssl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("openssl", { args }).output();
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Whether a command of `openssl` has an option: newer ones have more, and want some. */
export async function opensslHas(command: string, option: string): Promise<boolean> {
  const { stderr } = await new Deno.Command("openssl", { args: [command, "-help"] }).output();
  return new TextDecoder().decode(stderr).includes(option);
}

/**
 * What begins an `openssl req` for a self-signed certificate of version 1, which is one without
 * extensions; OpenSSL 3.4 and later wants to be told.
 */
export async function versionOneRequest(folder: string): Promise<readonly string[]> {
  const config = `${folder}/no_extensions.cnf`;
  await Deno.writeTextFile(config, "[req]\ndistinguished_name = dn\n[dn]\n");
  const version = await opensslHas("req", "-x509v1") ? "-x509v1" : "-x509";
  return ["req", version, "-config", config];
}

/** A self-signed certificate and its key as PEM; `key` is what `-newkey` takes. */
export async function selfSigned(
  folder: string,
  options: { key: string[]; subject: string; names?: string },
): Promise<{ cert: string; key: string }> {
  const paths = { cert: `${folder}/made.crt`, key: `${folder}/made.key` };
  const names = options.names === undefined ? [] : ["-addext", `subjectAltName=${options.names}`];
  await openssl(
    ...["req", "-x509", "-nodes", "-days", "90", "-utf8", "-subj", options.subject, ...names],
    ...["-newkey", ...options.key, "-keyout", paths.key, "-out", paths.cert],
  );
  const [cert, key] = await Promise.all([
    Deno.readTextFile(paths.cert),
    Deno.readTextFile(paths.key),
  ]);
  return { cert, key };
}
