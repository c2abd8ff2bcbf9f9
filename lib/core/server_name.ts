/** One server of a backend, as people name it. */
export interface ServerName {
  readonly backend: string;
  readonly server: string;
}

/** What tables know a server by: the name of a backend has no space in it. */
export function serverKey({ backend, server }: ServerName): string {
  return `${backend} ${server}`;
}

/** The server of a key. */
export function serverOf(key: string): ServerName {
  const space = key.indexOf(" ");
  return { backend: key.slice(0, space), server: key.slice(space + 1) };
}
