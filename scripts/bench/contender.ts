/** What contenders of one mode do is the same work; those of two modes are not compared. */
export type Mode = "http" | "tcp";

/** One proxy under test: how to find it, and how to start it. */
export interface Contender {
  readonly name: string;
  /** Whether it understands the requests it forwards, or forwards bytes. */
  readonly mode: Mode;
  /** What its program is called, for the report. */
  readonly product: string;
  /** Where its program may be, best first. */
  readonly programs: readonly string[];
  /** Makes it print its version. */
  readonly versionFlags: readonly string[];
  /**
   * Writes what configuration it needs and gives the command line that runs it in the foreground:
   * one thread of work, TLS 1.3 and no log; in http mode HTTP/1.1 kept alive on both sides, and the
   * same four forwarded fields.
   */
  command(program: string, setting: Setting): Promise<readonly string[]>;
}

/** What a contender works with. All addresses are on 127.0.0.1. */
export interface Setting {
  readonly port: number;
  readonly backendPort: number;
  /** PEM files. */
  readonly cert: string;
  readonly key: string;
  /** A folder of its own. */
  readonly folder: string;
}
