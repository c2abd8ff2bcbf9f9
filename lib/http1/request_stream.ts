import type { BodyPart } from "./body_decoder.ts";
import { requestHeadText } from "./head.ts";
import type { PartDecoder } from "./part_reader.ts";
import type {
  FailurePart,
  RequestDecoder,
  RequestHeadPart,
  RequestPart,
} from "./request_decoder.ts";
import { requestId } from "../http/request_id.ts";
import { type ConnectionOrigin, requestFields } from "./request_rewrite.ts";

/** A request's head, and what a backend gets for it. */
export interface ForwardedRequest extends RequestHeadPart {
  /** A head, one character a byte. */
  readonly forwarded: string;
  /** Under which it is found in logs. */
  readonly id: string;
}

export type ForwardedPart = ForwardedRequest | BodyPart | FailurePart;

/**
 * A client's bytes in, requests as backends are to see them out: every head carries the forwarded
 * fields.
 */
export class ForwardingDecoder implements PartDecoder<ForwardedPart> {
  readonly #decoder: RequestDecoder;
  readonly #origin: ConnectionOrigin;
  readonly #onHeadBegun: () => void;

  /** @param onHeadBegun called when a head has begun but not yet ended */
  constructor(decoder: RequestDecoder, origin: ConnectionOrigin, onHeadBegun: () => void) {
    this.#decoder = decoder;
    this.#origin = origin;
    this.#onHeadBegun = onHeadBegun;
  }

  feed(bytes: Uint8Array): ForwardedPart[] {
    const before = this.#decoder.insideHead;
    const parts = this.#decoder.feed(bytes);
    // the head that was begun before may have ended, and the next one begun behind it
    const another = !before || parts[0]?.kind === "head";
    if (this.#decoder.insideHead && another) this.#onHeadBegun();
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return [this.#forward(only)];
    return parts.map((part) => this.#forward(part));
  }

  end(): ForwardedPart[] {
    return this.#decoder.end().map((part) => this.#forward(part));
  }

  #forward(part: RequestPart): ForwardedPart {
    if (part.kind !== "head") return part;
    const { head, target, framing, upgrade, size } = part;
    const id = requestId(head.fields);
    const fields = requestFields(part, this.#origin, id);
    const forwarded = requestHeadText({ method: head.method, target: target.path, fields });
    return { kind: "head", head, target, framing, upgrade, size, forwarded, id };
  }
}

/**
 * The same as a stream: one array of parts for each piece of input, so that a piece costs one turn
 * however much it holds; nothing is decoded before somebody asks for it.
 */
export class RequestStream extends TransformStream<Uint8Array, ForwardedPart[]> {
  constructor(decoder: RequestDecoder, origin: ConnectionOrigin, onHeadBegun: () => void) {
    const forwarding = new ForwardingDecoder(decoder, origin, onHeadBegun);
    super(
      {
        transform: (bytes, controller) => controller.enqueue(forwarding.feed(bytes)),
        flush: (controller) => controller.enqueue(forwarding.end()),
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    );
  }
}
