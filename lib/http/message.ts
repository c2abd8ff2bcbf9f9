import type { ClientCertFields } from "./client_cert.ts";
import type { Field } from "./field.ts";
import type { HttpVersion } from "./via.ts";

/** The head of a request, well-formed (RFC 9112, sections 3 and 5). */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** The minor version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1;
  readonly fields: readonly Field[];
}

/** The head of an answer, well-formed (RFC 9112, sections 4 and 5). */
export interface ResponseHead {
  readonly minor: 0 | 1;
  /** 100 to 999. */
  readonly status: number;
  readonly reason: string;
  readonly fields: readonly Field[];
}

/** Instead of a body's bytes: there is no body. */
export const NO_BODY = -1;
/** Instead of a body's bytes: only its end will tell. */
export const UNKNOWN_LENGTH = -2;

/** Whether a body has no bytes: there is none, or its length says so. */
export function isEmptyBody(body: number): boolean {
  return body === NO_BODY || body === 0;
}

/** Some bytes of a buffer. The object may be used again for others once it has been read. */
export interface Range {
  readonly bytes: Uint8Array;
  readonly from: number;
  /** Behind the last byte. */
  readonly to: number;
  /** How many bytes behind it are free, for who sends more with these; none by default. */
  readonly room?: number;
}

/** Takes a field: its name in lower case, its value without white space around it. */
export interface PutField {
  /** @param isSecret as `Field` has it */
  (name: string, value: string, isSecret?: boolean): void;
  /** The same of a value that lies in a buffer, for who needs no text of it. */
  readonly range?: (name: string, bytes: Uint8Array, from: number, to: number) => void;
}

/**
 * What a request says, whatever framing carried it. It is asked rather than copied: a head may lie
 * in the buffer that it was read into. It holds until the request is over.
 */
export interface RequestFacts {
  readonly method: string;
  /** The target in origin-form, or `*`. */
  readonly path: string;
  /** The host, maybe with a port, as the client wrote it; undefined where HTTP/1.0 said none. */
  readonly authority: string | undefined;
  /** The target as it was sent. */
  readonly target: string;
  readonly version: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";
  /** Bytes of the body, or `NO_BODY` or `UNKNOWN_LENGTH`. */
  readonly body: number;
  /** Whether the client may wait for a 100 before it sends its body (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
  /** The protocols that it asks to go on with; undefined where it is to be served as HTTP. */
  readonly upgrade: readonly string[] | undefined;
  /** Under which it is found in logs. */
  readonly id: string;
  /** Whether a field of one of these roles (`ROLE`) came with it. */
  has(role: number): boolean;
  /** The values of every line of a field that came with it, in order. @param name in lower case */
  values(name: string): readonly string[];
  /**
   * The head that a server gets by HTTP/1.1. The bytes before `from` are over, and where the body
   * lies right behind it in the same buffer, both can go in one write. It may be asked for again,
   * with the same arguments, for another try.
   */
  toHttp1(forwarding: Forwarding, changes: RequestChanges | undefined): Range;
  /** The fields that a server gets by HTTP/2, in order, without those that begin with a colon. */
  each(put: PutField, forwarding: Forwarding, changes: RequestChanges | undefined): void;
}

/** What an answer says, whatever framing carried it; like `RequestFacts`. */
export interface AnswerFacts {
  /** Of HTTP, in which the server sent it. */
  readonly version: HttpVersion;
  /** From 100 on; below 200 for an interim answer. */
  readonly status: number;
  /** Bytes of the body, or `NO_BODY` or `UNKNOWN_LENGTH`. */
  readonly body: number;
  has(role: number): boolean;
  /** @param name in lower case */
  values(name: string): readonly string[];
  /** The head that a client gets by HTTP/1, like `RequestFacts.toHttp1`. */
  toHttp1(terms: AnswerTerms): Range;
  /** The fields that a client gets by HTTP/2, without `:status`. */
  each(put: PutField, changes: FieldChanges | undefined): void;
}

/**
 * What servers are told of where requests come from: the same for all requests of a connection,
 * until the settings change. Who renders may keep what follows from one.
 */
export interface Forwarding {
  /** The client's IP address. */
  readonly peer: string;
  /** The port the client connected to. */
  readonly port: number;
  readonly proto: "https" | "http";
  /** The name or address of a request that says none (RFC 9112, section 3.3). */
  readonly defaultHost: string;
  /** Whether the peer is a proxy that is believed what it says of those before it. */
  readonly trusted: boolean;
  /** Whether `Forwarded` (RFC 7239) is written too. */
  readonly standard: boolean;
  /** Whether `Via` is written (RFC 9110, section 7.6.3). */
  readonly via: boolean;
  /** What the client has proved; undefined where it has shown no certificate. */
  readonly clientCert?: ClientCertFields | undefined;
}

/** What a rule makes of the fields of a message. */
export interface FieldChanges {
  /** Names as `nameForRules` makes them; their lines do not go on, whatever their spelling. */
  readonly remove: ReadonlySet<string>;
  /** Lines that go on behind the others. */
  readonly add: readonly { readonly name: string; readonly value: string }[];
}

/** What a rule makes of a request, beside its fields. */
export interface RequestChanges extends FieldChanges {
  /** What the server gets instead of `RequestFacts.path`. */
  readonly path?: string | undefined;
  /** What it gets as `Host`, or `:authority`, instead of `RequestFacts.authority`. */
  readonly host?: string | undefined;
}

/** What an answer's head by HTTP/1 depends on besides itself. */
export interface AnswerTerms {
  readonly method: string;
  /** The client's HTTP minor version. */
  readonly minor: 0 | 1;
  /**
   * Whether the client's connection goes on after this answer. It cannot where the version is 1.0
   * and the body's length unknown.
   */
  readonly keepAlive: boolean;
  /** Whether `Via` is written. */
  readonly via: boolean;
  readonly changes: FieldChanges | undefined;
}
