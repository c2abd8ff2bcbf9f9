import { asProxyError, ProxyError } from "../core/errors.ts";
import { type BodyDecoder, bodyDecoder, type BodyPart, type BodyRules } from "./body_decoder.ts";
import { type Framing, requestFraming } from "./framing.ts";
import { CR, LF } from "./grammar.ts";
import { parseRequestHead, type RequestHead } from "./head.ts";
import { HeadScanner } from "./head_scanner.ts";
import { type RequestTarget, requestTarget } from "./target.ts";

/** What the bytes of a connection say, one fact at a time and in order. */
export type RequestPart = RequestHeadPart | BodyPart | FailurePart;

/** A request begins. A body follows as `data` and one `end` unless the framing is `none`. */
export interface RequestHeadPart {
  readonly kind: "head";
  readonly head: RequestHead;
  readonly target: RequestTarget;
  readonly framing: Framing;
  /** Bytes of the head on the wire. */
  readonly size: number;
}

/** The bytes are no HTTP from here on; nothing follows. */
export interface FailurePart {
  readonly kind: "failure";
  readonly error: ProxyError;
}

export interface HeadLimits {
  /** Bytes of a head, request line included. */
  readonly headerBytes: number;
  /** Field lines of a head. */
  readonly headers: number;
}

/**
 * Cuts a connection's bytes into requests (RFC 9112), without I/O: feed it bytes in any pieces and
 * it answers with the parts they complete. It never throws: what is no HTTP becomes one `failure`,
 * behind the parts that came before it, and every byte after that is dropped.
 */
export class RequestDecoder {
  readonly #limits: HeadLimits;
  readonly #scanner: HeadScanner;
  readonly #bodyRules: BodyRules;
  #body: BodyDecoder | undefined;
  #failed = false;
  /** The one empty line that may stand before a request line (RFC 9112, section 2.2). */
  #emptyLine: "possible" | "half" | "over" = "possible";

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#scanner = new HeadScanner(limits.headerBytes, {
      malformed: "bad_field",
      tooLarge: "head_too_large",
      firstLineTooLarge: "target_too_long",
    });
    this.#bodyRules = {
      malformed: "bad_chunk",
      field: "bad_field",
      truncated: "truncated_request",
      maxTrailerBytes: limits.headerBytes,
      maxTrailers: limits.headers,
    };
  }

  /** Whether a head has begun and not ended. */
  get insideHead(): boolean {
    return this.#scanner.started || this.#emptyLine === "half";
  }

  feed(bytes: Uint8Array): RequestPart[] {
    const parts: RequestPart[] = [];
    if (this.#failed) return parts;
    try {
      const emit = (part: RequestPart) => parts.push(part);
      for (let at = 0; at < bytes.length;) {
        at = this.#body === undefined
          ? this.#feedHead(bytes, at, emit)
          : this.#feedBody(this.#body, { bytes, at, emit });
      }
    } catch (error) {
      parts.push(this.#fail(error));
    }
    return parts;
  }

  /** The connection has ended; a failure where it ended inside a request. */
  end(): RequestPart[] {
    if (this.#failed || (this.#body === undefined && !this.insideHead)) return [];
    return [this.#fail(new ProxyError("truncated_request", "The request ended too early"))];
  }

  #feedHead(bytes: Uint8Array, start: number, emit: (part: RequestPart) => void): number {
    const at = this.#skipEmptyLine(bytes, start);
    if (at === bytes.length) return at;
    const found = this.#scanner.scan(bytes, at);
    if (found === undefined) return bytes.length;
    const head = parseRequestHead(found.head, this.#limits.headers);
    const target = requestTarget(head);
    const framing = requestFraming(head);
    emit({ kind: "head", head, target, framing, size: found.head.length });
    this.#body = bodyDecoder(framing, this.#bodyRules);
    if (this.#body === undefined) this.#emptyLine = "possible";
    else if (framing.kind === "length" && framing.length === 0) {
      this.#feedBody(this.#body, { bytes, at: found.end, emit });
    }
    return found.end;
  }

  #feedBody(
    body: BodyDecoder,
    { bytes, at, emit }: { bytes: Uint8Array; at: number; emit: (part: RequestPart) => void },
  ): number {
    const end = body.feed(bytes, at, emit);
    if (body.done) {
      this.#body = undefined;
      this.#emptyLine = "possible";
    }
    return end;
  }

  #skipEmptyLine(bytes: Uint8Array, start: number): number {
    let at = start;
    if (this.#emptyLine === "possible") {
      if (bytes[at] !== CR) {
        this.#emptyLine = "over";
        return at;
      }
      at++;
      this.#emptyLine = "half";
    }
    if (this.#emptyLine === "half" && at < bytes.length) {
      if (bytes[at] !== LF) throw new ProxyError("bad_request_line", "A CR stands without its LF");
      at++;
      this.#emptyLine = "over";
    }
    return at;
  }

  #fail(error: unknown): FailurePart {
    this.#failed = true;
    return { kind: "failure", error: asProxyError(error, "internal") };
  }
}
