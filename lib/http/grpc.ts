import type { RequestFacts } from "./message.ts";

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

/** The gRPC status that an HTTP status means. */
export function grpcStatus(httpStatus: number): number {
  return STATUS[httpStatus] ?? UNKNOWN;
}

/** Whether a request is one of gRPC, and not of gRPC-Web, whose answers are plain HTTP. */
export function isGrpc(request: Pick<RequestFacts, "values">): boolean {
  const [type = ""] = request.values("content-type");
  return /^application\/grpc(?:\+|;|$)/i.test(type);
}

/** A text as `grpc-message` has it: percent-encoded but for printable ASCII. */
export function grpcMessage(text: string): string {
  let message = "";
  for (const byte of new TextEncoder().encode(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    message += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return message;
}
