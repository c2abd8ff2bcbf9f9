/**
 * Milliseconds that a server says it keeps an idle connection for (`Keep-Alive: timeout=5`, RFC 2068,
 * section 19.7.1); undefined where it says none.
 */
export function keepAliveTimeout(values: readonly string[]): number | undefined {
  const seconds = /(?:^|[,;])[ \t]*timeout[ \t]*=[ \t]*"?(\d{1,9})/i.exec(values.join(","))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
