import type { RequestDecoder, RequestPart } from "./request_decoder.ts";

/**
 * A client's bytes in, the parts of its requests out, one at a time. Nothing is decoded before
 * somebody asks for it. What is no HTTP comes as a `failure` behind the parts before it: to fail
 * the stream would drop those that nobody has taken yet.
 *
 * It is for where requests are few, as on the admin port: a stream costs as much as all the rest of
 * a small request.
 */
export class RequestStream extends TransformStream<Uint8Array, RequestPart> {
  /** @param bodies whether anybody wants them: of 64 KiB in chunks of a byte each has an object */
  constructor(decoder: RequestDecoder, { bodies = true }: { bodies?: boolean } = {}) {
    super(
      {
        transform: (bytes, controller) => {
          for (const part of decoder.feed(bytes)) {
            if (bodies || part.kind !== "data") controller.enqueue(part);
          }
        },
        flush: (controller) => {
          for (const part of decoder.end()) controller.enqueue(part);
        },
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    );
  }
}
