import type { PutField, RequestFacts } from "./message.ts";
import { type OwnAnswer, ownAnswerFields } from "./own_answer.ts";

/** Whether a request is one of gRPC, and not of gRPC-Web, whose answers are plain HTTP. */
export function isGrpc(request: Pick<RequestFacts, "values">): boolean {
  const [type = ""] = request.values("content-type");
  return /^application\/grpc(?:\+|;|$)/i.test(type);
}

/**
 * What a client of gRPC is told instead of an answer by HTTP: fields alone, of a response with status
 * 200 ("Trailers-Only").
 *
 * @param now milliseconds since 1970
 */
export function grpcFields(answer: OwnAnswer, now: number): (put: PutField) => void {
  return (put) => {
    const { status, body } = answer;
    put("content-type", "application/grpc");
    put("grpc-status", String(grpcStatus(status)));
    const begin = body.subarray(0, MAX_MESSAGE_BYTES);
    // what a character that is cut in two begins with is left out
    const [line = ""] = new TextDecoder().decode(begin, { stream: true }).split("\n");
    put("grpc-message", grpcMessage(line === "" ? `HTTP ${status}` : line));
    for (const { key, value } of ownAnswerFields(answer, now)) {
      if (!OF_BODY.has(key)) put(key, value);
    }
  };
}

/** Bytes of a body that are told at the most: fields are not sent as the client takes them. */
const MAX_MESSAGE_BYTES = 1024;

/** What is said of a body, which such an answer has not. */
const OF_BODY: ReadonlySet<string> = new Set(["content-type", "content-length"]);

/** The gRPC status that an HTTP status means. */
function grpcStatus(httpStatus: number): number {
  return STATUS[httpStatus] ?? UNKNOWN;
}

/**
 * What gRPC makes of an answer by HTTP (grpc.io, "HTTP to gRPC Status Code Mapping"): a client of
 * gRPC looks at `grpc-status` alone. What asking again may help is UNAVAILABLE.
 */
const STATUS: Readonly<Record<number, number>> = {
  /** INTERNAL */
  400: 13,
  /** UNAUTHENTICATED */
  401: 16,
  /** PERMISSION_DENIED */
  403: 7,
  /** UNIMPLEMENTED */
  404: 12,
  405: 12,
  /** DEADLINE_EXCEEDED */
  408: 4,
  /** RESOURCE_EXHAUSTED */
  413: 8,
  414: 8,
  431: 8,
  /** UNAVAILABLE */
  421: 14,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
  /** INTERNAL */
  500: 13,
};

/** UNKNOWN: whatever else there is. */
const UNKNOWN = 2;

/** A text as `grpc-message` has it: percent-encoded but for printable ASCII. */
function grpcMessage(text: string): string {
  let message = "";
  for (const byte of new TextEncoder().encode(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    message += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return message;
}
