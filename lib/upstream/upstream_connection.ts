import type { Connection } from "../io/connection.ts";
import type { ProxyError } from "../core/errors.ts";
import { GatherWriter } from "../io/gather_writer.ts";
import { PartReader } from "../http1/part_reader.ts";
import type { HeadLimits } from "../http1/request_decoder.ts";
import { ClientHeads } from "../http1/response_rewrite.ts";
import { ResponseDecoder, type ResponsePart } from "../http1/response_decoder.ts";
import type { Idleness } from "./idleness.ts";

/** A connection to a server that speaks HTTP/1.1, one request after another. */
export class UpstreamConnection {
  readonly responses: PartReader<ResponsePart>;
  readonly requests: GatherWriter;
  /** Makes heads for the client of those of `responses`. */
  readonly clientHeads = new ClientHeads();
  /** Once it has been idle. */
  idleness: Idleness | undefined;
  readonly #connection: Connection;
  readonly #decoder: ResponseDecoder;

  constructor(connection: Connection, limits: HeadLimits) {
    this.#connection = connection;
    this.#decoder = new ResponseDecoder(limits);
    this.responses = new PartReader<ResponsePart>(connection, this.#decoder);
    this.requests = new GatherWriter(connection);
  }

  /** Announces a request by its method and what it asks for, and puts its head up for sending. */
  begin(
    { method, upgrade, head }: {
      method: string;
      upgrade: readonly string[] | undefined;
      head: string;
    },
  ): void {
    this.#decoder.expect(method, upgrade);
    this.requests.push(head);
  }

  get bytes(): Connection["bytes"] {
    return this.#connection.bytes;
  }

  /** Whether the last answer has ended and nothing came behind it. */
  get idle(): boolean {
    return this.#decoder.idle && !this.responses.buffered;
  }

  close(reason?: ProxyError): void {
    this.idleness?.[Symbol.dispose]();
    this.#connection.close(reason);
  }
}
