import { joinBytes } from "../core/bytes.ts";
import type { Field } from "../http/field.ts";
import { valuesOf } from "../http/field.ts";
import type { Http2ResponseHead } from "../http2/response_head.ts";
import type { Stream } from "../http2/stream.ts";
import type { ByteSocket } from "../io/socket_connection.ts";
import { CHECK_AGENT, Http2Check } from "./http2_check.ts";
import type { ProbeResult } from "./probe_result.ts";

/** A server that says by `grpc.health.v1` that it serves. */
export interface GrpcProbe {
  readonly type: "grpc";
  /** Empty for the server as a whole. */
  readonly service: string;
  /** The `:authority`. */
  readonly host: string;
}

/** Enough for any answer of a check; what comes behind is not looked at. */
const MAX_BYTES = 1024;

/**
 * Asks over a connection that has just been made.
 *
 * @throws {ProxyError} where what comes is no answer
 */
export function askGrpc(
  socket: ByteSocket,
  rules: GrpcProbe,
  scheme: "https" | "http",
): Promise<ProbeResult> {
  return new GrpcCheck(rules, scheme).ask(socket);
}

/** One call of `grpc.health.v1.Health/Check`. */
class GrpcCheck extends Http2Check {
  #body: Uint8Array = new Uint8Array(0);

  constructor({ service, host }: GrpcProbe, scheme: "https" | "http") {
    super();
    const stream = this.protocol.open(this, {
      method: "POST",
      scheme,
      authority: host,
      path: "/grpc.health.v1.Health/Check",
      fields: (put) => {
        put("te", "trailers");
        put("content-type", "application/grpc");
        put("user-agent", CHECK_AGENT);
      },
    }, false);
    const message = checkRequest(service);
    this.protocol.sendData(stream, message, 0, message.length, true);
  }

  response(
    stream: Stream<Http2Check>,
    { status, fields }: Http2ResponseHead,
    ended: boolean,
  ): void {
    if (status >= 200 && status !== 200) this.fail(`status ${status}`);
    // an answer of trailers alone
    else if (ended) this.trailers(stream, fields);
  }

  protected body(piece: Uint8Array, ended: boolean): void {
    if (this.#body.length + piece.length > MAX_BYTES) {
      return this.fail("an answer that is too long");
    }
    this.#body = joinBytes([this.#body, piece]);
    if (ended) this.fail("an answer without a grpc-status");
  }

  trailers(_stream: Stream<Http2Check>, fields: readonly Field[]): void {
    const [status] = valuesOf(fields, "grpc-status");
    const [message = ""] = valuesOf(fields, "grpc-message");
    if (status !== "0") {
      return this.fail(
        `grpc-status ${status ?? "missing"}${message === "" ? "" : `: ${message}`}`,
      );
    }
    const state = servingStatus(this.#body);
    const reason = STATES[state ?? 0] ?? `status ${state}`;
    if (state === SERVING) this.end({ outcome: "passed", reason });
    else this.fail(reason);
  }
}

const SERVING = 1;
const STATES: readonly string[] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** A message of gRPC that holds a `HealthCheckRequest`: field 1 is the service. */
function checkRequest(service: string): Uint8Array {
  const name = new TextEncoder().encode(service);
  const length = name.length < 0x80
    ? [name.length]
    : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? [] : [0x0a, ...length, ...name];
  return Uint8Array.from([0, 0, 0, message.length >> 8, message.length & 0xff, ...message]);
}

/** Field 1 of a `HealthCheckResponse`, which is not written where it is 0; undefined for no message. */
function servingStatus(bytes: Uint8Array): number | undefined {
  const isMessage = bytes.length >= 5 && bytes[0] === 0;
  if (!isMessage) return undefined;
  return bytes[5] === 0x08 ? bytes[6] : 0;
}
