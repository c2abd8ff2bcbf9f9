import type { RequestLimits } from "../http/limits.ts";
import { asProxyError, ProxyError } from "../core/errors.ts";
import { type BodyDecoder, bodyDecoder, type BodyPart } from "./body_decoder.ts";
import { requestBodyRules } from "./body_rules.ts";
import { CR, LF } from "../http/grammar.ts";
import { parseRequestHead } from "./head.ts";
import { bodyTooLarge } from "../http/body_limit.ts";
import { type JudgedRequest, judgeRequest } from "./judge_request.ts";
import type { RequestHead } from "../http/message.ts";
import { HeadScanner, REQUEST_SCAN_ERRORS } from "./head_scanner.ts";

/** What the bytes of a connection say, one fact at a time and in order. */
export type RequestPart = RequestHeadPart | BodyPart | FailurePart;

/**
 * A request begins. A body follows as `data` and one `end` unless the framing is `none`. Behind one
 * that asks for an upgrade everything is `data`: what it means is for the server to say.
 */
export interface RequestHeadPart extends JudgedRequest {
  readonly kind: "head";
}

/** The bytes are no HTTP from here on; nothing follows. */
export interface FailurePart {
  readonly kind: "failure";
  readonly error: ProxyError;
}

/**
 * Cuts a connection's bytes into requests (RFC 9112), without I/O: feed it bytes in any pieces and
 * it answers with the parts they complete. It never throws: what is no HTTP becomes one `failure`,
 * behind the parts that came before it, and every byte after that is dropped.
 */
export class RequestDecoder {
  readonly #limits: RequestLimits;
  readonly #maxBody: number;
  readonly #scanner: HeadScanner;
  #body: BodyDecoder | undefined;
  #refused: RequestHead | undefined;
  /** Bytes of the body so far. */
  #bodyBytes = 0;
  #failed = false;
  /** Whether what comes is opaque, behind a request for an upgrade. */
  #opaque = false;
  /** The one empty line that may stand before a request line (RFC 9112, section 2.2). */
  #emptyLine: "possible" | "half" | "over" = "possible";

  constructor(limits: RequestLimits) {
    this.#limits = limits;
    this.#maxBody = limits.body || Infinity;
    this.#scanner = new HeadScanner(limits.headerBytes, REQUEST_SCAN_ERRORS);
  }

  /** Whether a head has begun and not ended. */
  get insideHead(): boolean {
    return this.#scanner.started || this.#emptyLine === "half";
  }

  /** The head that was read and is refused, once there is a `failure`. */
  get refused(): RequestHead | undefined {
    return this.#refused;
  }

  feed(bytes: Uint8Array): RequestPart[] {
    const parts: RequestPart[] = [];
    if (this.#failed) return parts;
    try {
      const emit = (part: RequestPart) => {
        if (part.kind === "data") this.#checkBody(this.#bodyBytes += part.bytes.length);
        parts.push(part);
      };
      for (let at = 0; at < bytes.length;) {
        if (this.#opaque) {
          parts.push({ kind: "data", bytes: bytes.subarray(at) });
          break;
        }
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
    const part = this.#readHead(found.head);
    emit(part);
    this.#bodyBytes = 0;
    const { framing, upgrade } = part;
    this.#body = framing.kind === "none"
      ? undefined
      : bodyDecoder(framing, requestBodyRules(this.#limits));
    if (this.#body === undefined) this.#emptyLine = "possible";
    else if (framing.kind === "length" && framing.length === 0) {
      this.#feedBody(this.#body, { bytes, at: found.end, emit });
    }
    this.#opaque = upgrade !== undefined;
    return found.end;
  }

  #readHead(bytes: Uint8Array): RequestHeadPart {
    const head = parseRequestHead(bytes, this.#limits.headers);
    this.#refused = head;
    const judged = judgeRequest(head, { size: bytes.length, maxBody: this.#maxBody });
    this.#refused = undefined;
    return { kind: "head", ...judged };
  }

  #checkBody(bytes: number): void {
    if (bytes > this.#maxBody) throw bodyTooLarge(this.#maxBody);
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
