import type { Setup } from "./setup.ts";

/** What contenders of one mode do is the same work; those of two modes are not compared. */
export type Mode = "http" | "tcp";

/** One proxy under test: how to find it, and how to start it. */
export interface Contender {
  readonly name: string;
  /** Whether it understands the requests it forwards, or forwards bytes. */
  readonly mode: Mode;
  /** What it can be set up to do. */
  readonly setups: readonly Setup[];
  /** Whether it has metrics at the admin port that it is given, which are read meanwhile. */
  readonly hasMetrics?: boolean;
  /** What its program is called, for the report. */
  readonly product: string;
  /** Where its program may be, best first. */
  readonly programs: readonly string[];
  /** Makes it print its version. */
  readonly versionFlags: readonly string[];
  /**
   * Writes what configuration it needs and gives the command line that runs it in the foreground:
   * one thread of work, TLS 1.3 and no log; in http mode connections that are kept alive on both
   * sides, HTTP/2 for who asks for it, and the same four forwarded fields.
   */
  command(program: string, setting: Setting): Promise<readonly string[]>;
}

/** What a contender works with. All addresses are on 127.0.0.1. */
export interface Setting extends ServerFiles {
  readonly setup: Setup;
  readonly port: number;
  readonly backendPort: number;
  /** For who has metrics. */
  readonly adminPort: number;
  /** A folder of its own. */
  readonly folder: string;
}

/** PEM files. */
export interface ServerFiles {
  /** Of contenders and of servers behind them alike, for `localhost`. */
  readonly cert: string;
  readonly key: string;
  /** The authority that has signed these, and the certificates of clients. */
  readonly ca: string;
}

/** The name in certificates, and the one that clients ask for. */
export const HOST = "localhost";
