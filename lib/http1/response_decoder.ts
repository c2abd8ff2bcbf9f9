import { asProxyError, ProxyError } from "../core/errors.ts";
import { type BodyDecoder, bodyDecoder, type BodyPart } from "./body_decoder.ts";
import { answerBodyRules, type BodyRules } from "./body_rules.ts";
import { parseResponseHead } from "./head.ts";
import { ANSWER_SCAN_ERRORS, HeadScanner } from "./head_scanner.ts";
import { judgeAnswer, type JudgedAnswer } from "./judge_answer.ts";
import type { HeadLimits } from "../http/limits.ts";
import type { FailurePart } from "./request_decoder.ts";

export type ResponsePart = ResponseHeadPart | BodyPart | FailurePart;

/**
 * An answer begins, or an interim one (1xx) stands alone. A body follows as `data` and one `end`
 * unless the framing is `none`. Behind a 101, which is let through where it was asked for, everything
 * is `data`.
 */
export interface ResponseHeadPart extends JudgedAnswer {
  readonly kind: "head";
}

/**
 * Cuts a server's bytes into answers, without I/O and without throwing, like `RequestDecoder`.
 * It is told each request's method; bytes that no request has asked for are a failure, so that one
 * answer's leftovers never become the next one's beginning.
 */
export class ResponseDecoder {
  readonly #limits: HeadLimits;
  readonly #scanner: HeadScanner;
  readonly #bodyRules: BodyRules;
  /** The method of the request whose answer is due. */
  #method: string | undefined;
  /** The protocols that this request asks for. */
  #upgrade: readonly string[] | undefined;
  /** Whether what comes is opaque, as the server has switched protocols. */
  #opaque = false;
  #body: BodyDecoder | undefined;
  #failed = false;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
    this.#scanner = new HeadScanner(limits.headerBytes, ANSWER_SCAN_ERRORS);
    this.#bodyRules = answerBodyRules(limits);
  }

  /** Whether every answer asked for has ended and nothing came behind it. */
  get idle(): boolean {
    return this.#method === undefined && !this.#failed;
  }

  /** Announces a request, whose answer comes next, and the protocols that it asks for. */
  expect(method: string, upgrade?: readonly string[]): void {
    this.#method = method;
    this.#upgrade = upgrade;
  }

  feed(bytes: Uint8Array): ResponsePart[] {
    const parts: ResponsePart[] = [];
    if (this.#failed) return parts;
    try {
      const emit = (part: ResponsePart) => parts.push(part);
      for (let at = 0; at < bytes.length;) {
        if (this.#method === undefined) {
          throw new ProxyError("bad_response", "The server sent bytes that no request asked for");
        }
        if (this.#opaque) {
          emit({ kind: "data", bytes: bytes.subarray(at) });
          break;
        }
        at = this.#body === undefined
          ? this.#feedHead(bytes, { at, method: this.#method, emit })
          : this.#feedBody(this.#body, { bytes, at, emit });
      }
    } catch (error) {
      parts.push(this.#fail(error));
    }
    return parts;
  }

  /** The server has ended; that ends a body without a length, and breaks off any other answer. */
  end(): ResponsePart[] {
    if (this.#failed || this.#method === undefined || this.#opaque) return [];
    const parts: ResponsePart[] = [];
    try {
      if (this.#body !== undefined) {
        this.#body.end((part) => parts.push(part));
        this.#method = undefined;
      } else if (this.#scanner.started) {
        throw new ProxyError("truncated_response", "The server broke off inside an answer's head");
      } else {
        throw new ProxyError("upstream_gone", "The server closed the connection without an answer");
      }
    } catch (error) {
      parts.push(this.#fail(error));
    }
    return parts;
  }

  #feedHead(
    bytes: Uint8Array,
    { at, method, emit }: { at: number; method: string; emit: (part: ResponsePart) => void },
  ): number {
    const found = this.#scanner.scan(bytes, at);
    if (found === undefined) return bytes.length;
    const part = this.#readHead(found.head, method);
    emit(part);
    const { head: { status }, framing } = part;
    if (status < 200) return found.end;
    this.#body = bodyDecoder(framing, this.#bodyRules);
    if (this.#body === undefined) this.#method = undefined;
    else if (framing.kind === "length" && framing.length === 0) {
      this.#feedBody(this.#body, { bytes, at: found.end, emit });
    }
    return found.end;
  }

  #readHead(bytes: Uint8Array, method: string): ResponseHeadPart {
    const head = parseResponseHead(bytes, this.#limits.headers);
    const judged = judgeAnswer(head, { method, upgrade: this.#upgrade });
    this.#opaque = head.status === 101;
    return { kind: "head", ...judged };
  }

  #feedBody(
    body: BodyDecoder,
    { bytes, at, emit }: { bytes: Uint8Array; at: number; emit: (part: ResponsePart) => void },
  ): number {
    const end = body.feed(bytes, at, emit);
    if (body.done) {
      this.#body = undefined;
      this.#method = undefined;
    }
    return end;
  }

  #fail(error: unknown): FailurePart {
    this.#failed = true;
    return { kind: "failure", error: asProxyError(error, "internal") };
  }
}
