import type { ProxyError } from "../core/errors.ts";
import type { Field } from "../http/field.ts";
import type { AnswerFacts, FieldChanges } from "../http/message.ts";
import type { ClientStream } from "./streams.ts";

/** What makes other answers of those of servers. */
export interface AnswerTransformer {
  /**
   * Begins an answer at its client, as `ClientStream.begin` does, whose body comes as plain bytes.
   *
   * @returns what its body has to go through, and then begins it; undefined where the answer has
   *   begun, and its body goes on as it is
   */
  begin(answer: AnswerFacts, at: TransformPlace): AnswerTransform | undefined;
}

/** Where an answer is transformed. */
export interface TransformPlace {
  readonly client: ClientStream;
  /** What is made of its fields before. */
  readonly changes: FieldChanges | undefined;
  readonly user: TransformUser;
}

/** Who has an answer transformed. */
export interface TransformUser {
  /** The last range is done with and more may come; behind the end, the client has all of it. */
  passed(): void;
  /** The answer cannot go on. */
  transformFailed(error: ProxyError): void;
}

/**
 * Stands between the body that a server gives and the client, which it sends another; ranges are as
 * in `ClientStream`. Disposed of, it sends nothing more.
 */
export interface AnswerTransform extends Disposable {
  /** What has become of the body so far, for metrics; undefined for nothing. */
  readonly coded: CodedFacts | undefined;
  body(bytes: Uint8Array, from: number, to: number, ended: boolean): void;
  trailers(fields: readonly Field[]): void;
  /** The client is done with what it was sent last. */
  taken(): void;
}

/** A body that was encoded. */
export interface CodedFacts {
  readonly coding: string;
  /** Bytes that came of it, and bytes that were made of these. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}
