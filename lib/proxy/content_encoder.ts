import {
  brotliCompressSync,
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzipSync,
  type ZlibOptions,
  zstdCompressSync,
  type ZstdOptions,
} from "node:zlib";
import { joinBytes } from "../core/bytes.ts";
import type { ContentCoding } from "../http/accept_encoding.ts";

/** What is to become of bytes behind those that are given: nothing yet, or they are to go, or all. */
export type Then = "more" | "flush" | "end";

/** Who has bytes encoded. */
export interface EncoderUser {
  /** What was given is encoded, and its buffer is free; what comes of it may be nothing so far. */
  encoded(bytes: Uint8Array): void;
  encoderFailed(error: Error): void;
}

/**
 * Encodes one body, a piece at a time. The runtime does the work on the thread that asks for it, so
 * a piece should take but milliseconds: some 64 KiB.
 */
export class ContentEncoder implements Disposable {
  readonly #stream: ZlibStream;
  readonly #flush: number;
  readonly #user: EncoderUser;
  readonly #onClosed: () => void;
  #output: Uint8Array[] = [];
  #closed = false;

  /** @param onClosed called once, when it has nothing any more */
  constructor(coding: ContentCoding, user: EncoderUser, onClosed: () => void = () => {}) {
    const { create, flush } = CODINGS[coding];
    this.#stream = create();
    this.#flush = flush;
    this.#user = user;
    this.#onClosed = onClosed;
    this.#stream.on("data", (bytes: Uint8Array) => void this.#output.push(bytes));
    this.#stream.on("end", this.#tell);
    this.#stream.on("error", (error: Error) => {
      if (!this.#closed) user.encoderFailed(error);
    });
  }

  /** Takes a piece, which may be empty; the next behind `EncoderUser.encoded`. */
  encode(piece: Uint8Array, then: Then): void {
    switch (then) {
      case "more":
        return void this.#stream.write(piece, this.#tell);
      case "flush":
        if (piece.length > 0) this.#stream.write(piece);
        return void this.#stream.flush(this.#flush, this.#tell);
      case "end":
        return void this.#stream.end(piece);
    }
  }

  /** Frees what it has; nothing more is told. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output = [];
    this.#stream.destroy();
    this.#onClosed();
  }

  readonly #tell = (): void => {
    if (this.#closed) return;
    const output = this.#output;
    this.#output = [];
    this.#user.encoded(joinBytes(output));
  };
}

/** The same for a body that is there, at once. */
export function encodeWhole(coding: ContentCoding, body: Uint8Array): Uint8Array {
  return CODINGS[coding].whole(body);
}

type ZlibStream = ReturnType<typeof createGzip>;

/*
 * Levels and memory are what a measurement of text and JSON said (docs/routing.md): more of either
 * took much more time for 1 or 2 % of the size. Windows are small, as every answer has its own.
 */

const GZIP: ZlibOptions = { level: 5 };
const BROTLI: BrotliOptions = {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 3,
    [constants.BROTLI_PARAM_LGWIN]: 16,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
  },
};
const ZSTD: ZstdOptions = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 3,
    [constants.ZSTD_c_windowLog]: 16,
    [constants.ZSTD_c_hashLog]: 14,
    [constants.ZSTD_c_chainLog]: 14,
  },
};

const CODINGS: Readonly<
  Record<ContentCoding, {
    readonly create: () => ZlibStream;
    /** What has all that was given come out. */
    readonly flush: number;
    readonly whole: (body: Uint8Array) => Uint8Array;
  }>
> = {
  gzip: {
    create: () => createGzip(GZIP),
    flush: constants.Z_SYNC_FLUSH,
    whole: (body) => gzipSync(body, GZIP),
  },
  br: {
    create: () => createBrotliCompress(BROTLI),
    flush: constants.BROTLI_OPERATION_FLUSH,
    whole: (body) => brotliCompressSync(body, BROTLI),
  },
  zstd: {
    create: () => createZstdCompress(ZSTD),
    flush: constants.ZSTD_e_flush,
    whole: (body) => zstdCompressSync(body, ZSTD),
  },
};
