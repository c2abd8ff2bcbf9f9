/** What stands behind a contender, all on 127.0.0.1; see `backend.ts`. */
export type BackendKind = "files" | "app" | "h2c" | "tls";

/** What a contender is set up to do; its configuration follows from it, and who can. */
export type Setup = keyof typeof SETUPS;

interface SetupFacts {
  readonly backend: BackendKind;
  /** The table of the report that its figures are in. */
  readonly chapter: Chapter;
  /** Rounds for each one that was asked for, where differences are small. Default: 1. */
  readonly rounds?: number;
}

export type Chapter = "http1" | "http2" | "grpc" | "trust" | "observed" | "garbage";

interface ChapterFacts {
  readonly title: string;
  /** The contender that others are compared with, where it is not that of all chapters. */
  readonly baseline?: string;
}

/** Tables of the report, in its order. */
export const CHAPTERS: Readonly<Record<Chapter, ChapterFacts>> = {
  http1: { title: "HTTP/1.1" },
  http2: { title: "HTTP/2 in front, HTTP/1.1 behind" },
  grpc: { title: "gRPC" },
  trust: { title: "Trust" },
  observed: {
    title: "JSON access log, admin page, metrics read each second",
    baseline: "tls-proxy-openssl",
  },
  garbage: { title: "Garbage of the heap" },
};

/** In the order they are run. */
export const SETUPS = {
  /** HTTP/1.1 in front and behind. */
  files: { backend: "files", chapter: "http1" },
  /** The same, before a server that can do more, and is slower. */
  app: { backend: "app", chapter: "http1" },
  /** HTTP/2 in front, HTTP/1.1 behind. */
  http2: { backend: "files", chapter: "http2" },
  /** HTTP/2 in front and, in plaintext, behind. */
  grpc: { backend: "h2c", chapter: "grpc" },
  /** HTTP/1.1 in front and, over TLS that is verified, behind. */
  tls: { backend: "tls", chapter: "trust" },
  /** As `files`, for clients with a certificate alone, which the server is told of. */
  clients: { backend: "files", chapter: "trust" },
  /** Connections go on to the server by their name, ahead of TLS, which stays the server's. */
  passthrough: { backend: "tls", chapter: "trust" },
  /** HTTP of both versions in front, and what tells of requests on or off. */
  observed: { backend: "files", chapter: "observed", rounds: 2 },
  /** As `http2`, with the collector of V8 telling what it does. */
  traced: { backend: "files", chapter: "garbage" },
} as const satisfies Record<string, SetupFacts>;

/** Setups of those that forward bytes and know nothing of them. */
export const OF_BYTES: readonly Setup[] = ["files", "app"];

/** Setups of those that do TLS and HTTP. */
export const OF_HTTP: readonly Setup[] = (Object.keys(SETUPS) as Setup[])
  .filter((setup) => setup !== "traced" && setup !== "observed");

export const ALL_SETUPS = Object.keys(SETUPS) as readonly Setup[];

/** @returns rounds for each one that was asked for */
export function roundsOf(setup: Setup): number {
  const { rounds = 1 }: SetupFacts = SETUPS[setup];
  return rounds;
}
