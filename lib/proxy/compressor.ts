import type { ContentCoding } from "../http/accept_encoding.ts";
import { changedFields } from "../http/changed_fields.ts";
import { changesInTurn, compressionOf, type CompressionRequest } from "../http/compression.ts";
import { type Field, field } from "../http/field.ts";
import { nameForRules } from "../http/field_name.ts";
import { type AnswerFacts, type FieldChanges, NO_BODY } from "../http/message.ts";
import type { OwnAnswer } from "../http/own_answer.ts";
import { CodedHead } from "../http1/coded_head.ts";
import type { AnswerTransformer, CodedFacts, TransformPlace } from "./answer_transform.ts";
import { CompressedAnswer } from "./compressed_answer.ts";
import { ContentEncoder, type EncoderUser, encodeWhole } from "./content_encoder.ts";

/** Bodies that are encoded at once, at the most; each takes some 0.5 MiB (0.8 MiB by Brotli). */
const MAX_AT_ONCE = 256;
/** Bytes of own answers that are kept encoded. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** Compresses answers, of one worker: `compress` of routes. */
export class Compressor implements AnswerTransformer {
  #open = 0;
  /** Of bodies that stay as they are while a configuration does. */
  #kept = new WeakMap<Uint8Array, Map<ContentCoding, Uint8Array>>();
  #keptBytes = 0;

  begin(answer: AnswerFacts, { client, changes, user }: TransformPlace) {
    const { status, version, body } = answer;
    const fields = fieldsOf(answer, changes);
    const compression = compressionOf(client.request, { status, body, fields });
    if (compression.kind === "none") return void client.begin(answer, changes, false);
    if (compression.kind === "varies") {
      return void client.begin(answer, changesInTurn(changes, compression.changes), false);
    }
    const { coding, varies } = compression;
    const coded = [...changedFields(withoutLength(fields), compression.changes)];
    const beginCoded = (size: number) => {
      const head = new CodedHead({ status, version }, { fields: coded, body: size });
      client.begin(head, viaChanges(changes), false);
    };
    if (body === NO_BODY) return void beginCoded(NO_BODY);
    return new CompressedAnswer({
      ...{ client, user, coding, body },
      beginPlain: () => client.begin(answer, changesInTurn(changes, varies), false),
      beginCoded,
      encoder: (user) => this.#encoder(coding, user),
    });
  }

  /** An answer of the proxy's own, as a client gets it. */
  ownAnswer(
    request: CompressionRequest,
    answer: OwnAnswer,
  ): { answer: OwnAnswer; coded: CodedFacts | undefined } {
    const { status, fields, body } = answer;
    const compression = compressionOf(request, { status, fields, body: body.length });
    if (compression.kind === "none") return { answer, coded: undefined };
    const changed = [...changedFields(fields, compression.changes)];
    if (compression.kind === "varies") {
      return { answer: { status, fields: changed, body }, coded: undefined };
    }
    const { coding } = compression;
    const encoded = this.#encodeOwn(coding, body);
    return {
      answer: { status, fields: changed, body: encoded },
      coded: { coding, bytesIn: body.length, bytesOut: encoded.length },
    };
  }

  #encodeOwn(coding: ContentCoding, body: Uint8Array): Uint8Array {
    const kept = this.#kept.get(body)?.get(coding);
    if (kept !== undefined) return kept;
    const encoded = encodeWhole(coding, body);
    if (this.#keptBytes + encoded.length > MAX_KEPT_BYTES) {
      this.#kept = new WeakMap();
      this.#keptBytes = 0;
    }
    this.#keptBytes += encoded.length;
    const ofBody = this.#kept.get(body) ?? new Map();
    this.#kept.set(body, ofBody.set(coding, encoded));
    return encoded;
  }

  #encoder(coding: ContentCoding, user: EncoderUser): ContentEncoder | undefined {
    if (this.#open >= MAX_AT_ONCE) return undefined;
    this.#open++;
    return new ContentEncoder(coding, user, () => void this.#open--);
  }
}

/** The fields that a client would get. */
function fieldsOf(answer: AnswerFacts, changes: FieldChanges | undefined): readonly Field[] {
  const fields: Field[] = [];
  answer.each((name, value, isSecret) => {
    const made = field(name, value);
    fields.push(isSecret === true ? { ...made, isSecret } : made);
  }, changes);
  return fields;
}

/** What rules make of `Via`, which gets this proxy's behind all other changes. */
function viaChanges(changes: FieldChanges | undefined): FieldChanges | undefined {
  if (changes?.remove.has("via") !== true) return undefined;
  return { remove: VIA, add: changes.add.filter(({ name }) => nameForRules(name) === "via") };
}

const VIA: ReadonlySet<string> = new Set(["via"]);

/** Rules that change fields leave the length alone. */
function withoutLength(fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ key }) => key !== "content-length");
}
