import type { TestConnection } from "./connection.ts";
import { latin1 } from "./connection.ts";

/** A header of the PROXY protocol as a server reads it, written from the specification alone. */
export interface SeenProxyHeader {
  readonly version: 1 | 2;
  readonly command: "LOCAL" | "PROXY";
  readonly source: string | undefined;
  readonly target: string | undefined;
  /** Values behind the addresses, by type. */
  readonly vectors: ReadonlyMap<number, string>;
}

export async function readProxyHeader(connection: TestConnection): Promise<SeenProxyHeader> {
  const first = latin1(await connection.readBytes(6));
  if (first === "PROXY ") {
    const [family, source, target, from, to] = (await connection.readUntil("\r\n")).trimEnd()
      .split(" ");
    const known = family !== "UNKNOWN";
    return {
      version: 1,
      command: "PROXY",
      source: known ? `${source}:${from}` : undefined,
      target: known ? `${target}:${to}` : undefined,
      vectors: new Map(),
    };
  }
  if (first + latin1(await connection.readBytes(6)) !== "\r\n\r\n\0\r\nQUIT\n") {
    throw new Error("It does not begin with a PROXY header");
  }
  const [command = 0, family = 0, high = 0, low = 0] = await connection.readBytes(4);
  const rest = await connection.readBytes(high * 256 + low);
  const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
  const ipv4 = family === 0x11;
  const address = (at: number, port: number) =>
    `${[...rest.subarray(at, at + 4)].join(".")}:${view.getUint16(port)}`;
  const vectors = new Map<number, string>();
  for (let at = ipv4 ? 12 : rest.length; at < rest.length;) {
    const length = view.getUint16(at + 1);
    vectors.set(rest[at] ?? 0, latin1(rest.subarray(at + 3, at + 3 + length)));
    at += 3 + length;
  }
  return {
    version: 2,
    command: (command & 0xf) === 0 ? "LOCAL" : "PROXY",
    source: ipv4 ? address(0, 8) : undefined,
    target: ipv4 ? address(4, 10) : undefined,
    vectors,
  };
}
