/** A backend whose one server chooses the version of HTTP by ALPN, and is out at its first failure. */
export function autoBackend(address: string, ca: string): Readonly<Record<string, unknown>> {
  return {
    ...{ servers: [address], protocol: "auto", tls: { ca } },
    ejection: { failures: 1 },
  };
}
