import type { BodyPart } from "./body_decoder.ts";
import { fieldLines } from "../http/field.ts";
import { requestLine } from "./head.ts";
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
  /** The last request, and the fields that a backend gets for it, up to its id. */
  #last: RequestHeadPart | undefined;
  #lines = "";

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

  /** Frees what is kept of the last request, which is worth it where none comes for a while. */
  forget(): void {
    this.#decoder.forget();
    this.#last = undefined;
    this.#lines = "";
  }

  #forward(part: RequestPart): ForwardedPart {
    if (part.kind !== "head") return part;
    const { head, target, framing, upgrade, size } = part;
    const id = requestId(head.fields);
    // the decoder gives the same part for the same bytes, and the same fields for the same fields
    const last = this.#last;
    if (part !== last) {
      if (last === undefined || !haveSameFields(part, last)) {
        this.#lines = linesBeforeId(part, this.#origin);
      }
      this.#last = part;
    }
    const forwarded = requestLine(head.method, target.path) + this.#lines + id + END;
    return { kind: "head", head, target, framing, upgrade, size, forwarded, id };
  }
}

/** Whether two requests of a connection give a backend the same fields but for the id. */
function haveSameFields(a: RequestHeadPart, b: RequestHeadPart): boolean {
  return a.head.fields === b.head.fields && a.head.minor === b.head.minor &&
    a.target.authority === b.target.authority && countsHops(a) === countsHops(b);
}

/** Whether the method is one for which `Max-Forwards` counts. */
function countsHops({ head: { method } }: RequestHeadPart): boolean {
  return method === "OPTIONS";
}

/** The fields that a backend gets, up to the value of the last, which is the id. */
function linesBeforeId(part: RequestHeadPart, origin: ConnectionOrigin): string {
  return fieldLines(requestFields(part, origin, "")).slice(0, -CRLF.length);
}

const CRLF = "\r\n";
const END = CRLF + CRLF;

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
