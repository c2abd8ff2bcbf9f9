import type { ResponseDecoder, ResponsePart } from "./response_decoder.ts";

/** A server's bytes in, the parts of its answers out; one array for each piece of input. */
export class ResponseStream extends TransformStream<Uint8Array, ResponsePart[]> {
  constructor(decoder: ResponseDecoder) {
    super(
      {
        transform(bytes, controller) {
          controller.enqueue(decoder.feed(bytes));
        },
        flush(controller) {
          controller.enqueue(decoder.end());
        },
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    );
  }
}
