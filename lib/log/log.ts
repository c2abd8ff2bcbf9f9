import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import { CATEGORIES, type Category, categoryOf } from "./category.ts";
import type { Observer, ProxyEvent } from "../core/event.ts";
import type { Staged } from "../core/staged.ts";
import { formatJson } from "./json_format.ts";
import { messageOf } from "../core/errors.ts";
import { isoTime } from "./line_time.ts";
import { type LineWriter, openLineWriter } from "./line_writer.ts";
import { fileOutput, inTurn, type LogOutput, standardOutput } from "./log_output.ts";
import { formatForTerminal, type Paint } from "./terminal_format.ts";
import { type EventLevel, formatEvent, levelOf, quoteValue } from "./text_format.ts";
import { countLines, WriteFailed } from "./write_all.ts";

export type LogLevel = "debug" | "info" | "warning" | "error";

/** Which lines the log has, what they look like, and where they go. */
export interface LogOptions {
  /** Lines below it are left out. */
  readonly level: LogLevel;
  /** The same for categories that are to have another. */
  readonly levels: Readonly<Partial<Record<Category, LogLevel | undefined>>>;
  readonly format: "text" | "json";
  /** Whether the lines of everyday traffic are wanted: handshakes, ends and requests. */
  readonly access: boolean;
  /** Whether the lines of handshakes that went well are wanted. */
  readonly tls: boolean;
  /** The share of everyday lines that is kept, 0 to 1; warnings are always kept. */
  readonly sample: number;
  /** A file to append to; undefined for standard output. */
  readonly file: string | undefined;
}

/** The log of the proxy while it serves. */
export interface Log {
  readonly observe: Observer;
  /** Writes lines that were made elsewhere; settles when they are written, and never fails. */
  append(lines: Uint8Array): Promise<void>;
  /** Lines that were dropped so far, as whoever reads them was too slow. */
  readonly dropped: number;
  /**
   * Makes ready for other options: what may fail has not failed when it settles.
   *
   * @returns what puts them in force, and what gives them up
   * @throws {ProxyError} `bad_config` where the file cannot be opened
   */
  prepare(options: LogOptions): Promise<Staged>;
  /**
   * Opens the file anew, by its name: what was there may have been moved away.
   *
   * @throws {ProxyError} `bad_config` where it cannot be opened; the old one goes on
   */
  reopen(): Promise<void>;
  /** Writes what is queued, and gives up on a reader that takes nothing. */
  close(): Promise<void>;
}

/** What surrounds the log. */
export interface LogSurroundings {
  /** In the place of standard output. */
  readonly output?: LogOutput;
  /** How a file is opened. */
  readonly openFile?: (path: string) => Promise<LogOutput>;
  /** Told when lines cannot be written, and why; once until they can. */
  readonly onFailure?: (reason: string) => void;
  /** How to paint, where the reader is a person at a terminal; it changes the text format. */
  readonly terminal?: Paint | undefined;
}

/**
 * Opens the log: one line an event, with time (ISO 8601, UTC) and level.
 *
 * It is the one log of the process: LogTape keeps its configuration globally, and a second call
 * takes it over.
 *
 * @throws {ProxyError} `bad_config` where its file cannot be opened
 */
export async function openLog(
  options: LogOptions,
  {
    output = standardOutput(),
    openFile = fileOutput,
    onFailure = () => {},
    terminal,
  }: LogSurroundings = {},
): Promise<Log> {
  const log = new EventLog({ output, openFile, onFailure, terminal });
  const { commit } = await log.prepare(options);
  commit();
  return log;
}

interface Surroundings {
  readonly output: LogOutput;
  readonly openFile: (path: string) => Promise<LogOutput>;
  readonly onFailure: (reason: string) => void;
  readonly terminal: Paint | undefined;
}

class EventLog implements Log {
  readonly #surroundings: Surroundings;
  #options: LogOptions | undefined;
  #output: LogOutput | undefined;
  #writer: LineWriter | undefined;
  #format: Format = formatText;
  /** Of the line that is being made. */
  #event: ProxyEvent | undefined;
  /** Whether everyday lines of a category are wanted, before they are sampled. */
  #access = false;
  #tls = false;
  /** By writers that are closed. */
  #droppedBefore = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  get dropped(): number {
    return this.#droppedBefore + (this.#writer?.dropped ?? 0);
  }

  readonly observe = (event: ProxyEvent): void => {
    // a counter is enough: whoever watches the port looks every few seconds
    if (event.kind === "probed" || event.kind === "plain_connection") return;
    if (event.kind === "server_reached") return;
    const level = levelOf(event);
    // Everyday lines go past LogTape, which would cost as much as the line itself.
    if (level === "info" && (event.kind === "request" || event.kind === "connection_end")) {
      if (this.#access && this.#sampled()) this.#write(event, level);
    } else if (event.kind === "handshake" || event.kind === "passthrough") {
      if (this.#tls && this.#sampled()) this.#write(event, level);
    } else {
      this.#event = event;
      const logger = LOGGERS[categoryOf(event)];
      if (level === "warning") logger.warn("");
      else logger.info("");
      this.#event = undefined;
    }
  };

  async append(lines: Uint8Array): Promise<void> {
    const output = this.#output;
    try {
      await output?.write(lines);
    } catch (error) {
      const taken = error instanceof WriteFailed ? error.taken : 0;
      const lost = countLines(lines.subarray(taken));
      const reason = messageOf(error);
      // one that has been replaced says nothing of the one that took its place
      if (output === this.#output) this.#writer?.lost(lost, reason);
      else this.#writer?.takeOver({ count: lost, reason });
    }
  }

  async prepare(options: LogOptions): Promise<Staged> {
    const same = this.#options !== undefined && this.#options.file === options.file;
    const output = same ? undefined : await this.#openOutput(options.file);
    return {
      commit: () => {
        this.#apply(options);
        if (output !== undefined) this.#replace(output);
      },
      drop: () => output?.discard(),
    };
  }

  async reopen(): Promise<void> {
    const file = this.#options?.file;
    if (file === undefined) return;
    const output = await this.#openOutput(file);
    // a reload may have named another meanwhile
    if (this.#options?.file === file) this.#replace(output);
    else output.close();
  }

  async close(): Promise<void> {
    await this.#writer?.close();
    this.#output?.close();
  }

  /** By chance: every so many lines would be the same of each client that comes in a rhythm. */
  #sampled(): boolean {
    return Math.random() < (this.#options?.sample ?? 1);
  }

  #write(event: ProxyEvent, level: EventLevel): void {
    this.#writer?.write(this.#format(event, level, Date.now()));
  }

  #openOutput(file: string | undefined): Promise<LogOutput> {
    const { output, openFile } = this.#surroundings;
    return file === undefined ? Promise.resolve(output) : openFile(file);
  }

  #apply(options: LogOptions): void {
    this.#options = options;
    this.#format = this.#formatOf(options);
    const lowest = (category: Category) => options.levels[category] ?? options.level;
    const info = (category: Category) => ["debug", "info"].includes(lowest(category));
    this.#access = options.access && info("access");
    this.#tls = options.access && options.tls && info("tls");
    const write = ({ level }: LogRecord) => {
      if (this.#event !== undefined) {
        this.#write(this.#event, level === "info" ? "info" : "warning");
      }
    };
    configureSync({
      reset: true,
      sinks: { output: write },
      loggers: [
        ...CATEGORIES.map((category) => ({
          category: [ROOT, category],
          lowestLevel: lowest(category),
          sinks: ["output" as const],
        })),
        // LogTape's own words of advice and trouble; without this it writes them to the console.
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
  }

  #formatOf({ format, file }: LogOptions): Format {
    const { terminal } = this.#surroundings;
    if (format === "json") return formatJson;
    if (terminal === undefined || file !== undefined) return formatText;
    return (event, level, now) => formatForTerminal(event, level, { now, paint: terminal });
  }

  /** What the old output has still to be written goes there. */
  #replace(output: LogOutput): void {
    const [writer, old] = [this.#writer, this.#output];
    if (writer !== undefined) void this.#retire(writer).then(() => old?.close());
    this.#output = inTurn(output);
    const where = this.#options?.file ?? "standard output";
    this.#writer = openLineWriter(this.#output, {
      droppedLine: (count, reason) => this.#droppedLine(count, reason),
      onFailure: (reason) => this.#surroundings.onFailure(`${where}: ${reason}`),
    });
  }

  /** What it has dropped and can tell no more is told by the one in its place. */
  async #retire(writer: LineWriter): Promise<void> {
    const { dropped } = writer;
    this.#droppedBefore += dropped;
    await writer.close();
    const { untold } = writer;
    this.#droppedBefore += writer.dropped - dropped - untold.count;
    this.#writer?.takeOver(untold);
  }

  #droppedLine(count: number, reason = "reader too slow"): string {
    const time = isoTime(Date.now());
    return this.#options?.format === "json"
      ? `{"time":"${time}","level":"warning","event":"log_dropped","lines":${count},"reason":${
        JSON.stringify(reason)
      }}`
      : `${time} warning log dropped lines=${count} reason=${quoteValue(reason)}`;
  }
}

type Format = (event: ProxyEvent, level: EventLevel, now: number) => string;

function formatText(event: ProxyEvent, level: EventLevel, now: number): string {
  return `${isoTime(now)} ${level} ${formatEvent(event).text}`;
}

const ROOT = "tls-proxy";

const LOGGERS = {
  access: getLogger([ROOT, "access"]),
  tls: getLogger([ROOT, "tls"]),
  server: getLogger([ROOT, "server"]),
  proxy: getLogger([ROOT, "proxy"]),
} as const satisfies Record<Category, unknown>;
