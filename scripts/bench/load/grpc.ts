import * as http2 from "node:http2";
import type { Target } from "./target.ts";

/** Fields of a gRPC request beside HTTP's own. */
export const GRPC_FIELDS = [["content-type", "application/grpc"], ["te", "trailers"]] as const;

/**
 * A message of gRPC in its frame: whether it is compressed, its length, so many zeros
 * (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md).
 */
export function message(bytes: number): Uint8Array<ArrayBuffer> {
  const framed = new Uint8Array(GRPC_FRAME_BYTES + bytes);
  new DataView(framed.buffer).setUint32(1, bytes);
  return framed;
}

/** What stands before a message. */
export const GRPC_FRAME_BYTES = 5;

/** Milliseconds one call may take. */
const CALL_MS = 10_000;

/**
 * Makes one call of a method, since h2load does not look at trailers.
 *
 * @throws {Error} unless a message of the size of the one sent comes back, and `grpc-status: 0` behind it
 */
export async function callOnce({ port, ca }: Target, path: string, sent: Uint8Array) {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca });
  try {
    await new Promise<void>((resolve, reject) => {
      session.on("error", reject);
      const headers = {
        ":method": "POST",
        ":path": `/${path}`,
        ...Object.fromEntries(GRPC_FIELDS),
      };
      const stream = session.request(headers, { endStream: false });
      let bytes = 0;
      let [httpStatus, grpcStatus]: [unknown, unknown] = [undefined, undefined];
      stream.setTimeout(CALL_MS, () => reject(new Error("A call was not answered in time")));
      stream.on("error", reject);
      stream.on("response", (fields) => httpStatus = fields[":status"]);
      stream.on("data", (chunk: Uint8Array) => bytes += chunk.length);
      stream.on("trailers", (fields) => grpcStatus = fields["grpc-status"]);
      stream.on("end", () => {
        if (httpStatus === 200 && grpcStatus === "0" && bytes === sent.length) return resolve();
        reject(
          new Error(`A call failed: ${bytes} bytes, status ${httpStatus}, gRPC's ${grpcStatus}`),
        );
      });
      stream.end(sent);
    });
  } finally {
    session.destroy();
  }
}
