/**
 * Where the files of a certificate stand in a store, as `certbot` has them below `live/`.
 *
 * @param names of the certificate; the first is what it is called
 */
export function certificateFiles(
  store: string,
  names: readonly string[],
): { readonly cert: string; readonly key: string } {
  const folder = `${store}/${folderName(names[0] ?? "")}`;
  return { cert: `${folder}/fullchain.pem`, key: `${folder}/privkey.pem` };
}

/** The folder of a certificate, by what it is called: host names hold no `/`. */
export function folderName(name: string): string {
  return name;
}
