import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import type { Observer, ProxyEvent } from "./event.ts";
import { type ByteOutput, openLineWriter } from "./line_writer.ts";
import { formatEvent, levelOf } from "./text_format.ts";

/** Which lines the log has. */
export interface LogOptions {
  /** Lines below it are left out. */
  readonly level: "debug" | "info" | "warning" | "error";
  /** Whether the lines of everyday traffic are wanted: handshakes, ends and requests. */
  readonly access: boolean;
  /** Whether the lines of handshakes that went well are wanted. */
  readonly tls: boolean;
}

/** The log of the proxy while it serves. */
export interface Log {
  readonly observe: Observer;
  /** Writes what is queued, and gives up on a reader that takes nothing. */
  close(): Promise<void>;
}

/**
 * Opens the text log: one line an event, with time (ISO 8601, UTC) and level, to stdout.
 *
 * It is the one log of the process: LogTape keeps its configuration globally, and a second call
 * takes it over.
 */
export async function openLog(options: LogOptions, output: ByteOutput = Deno.stdout): Promise<Log> {
  const writer = openLineWriter(output, {
    droppedLine: (count) =>
      formatLine(Date.now(), "warning", `log dropped lines=${count} reason="reader too slow"`),
  });
  await configure({
    reset: true,
    sinks: { output: (record) => writer.write(formatRecord(record)) },
    loggers: [
      { category: CATEGORY, lowestLevel: options.level, sinks: ["output"] },
      // LogTape's own words of advice and trouble; without this it writes them to the console.
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  const logger = getLogger(CATEGORY);

  function observe(event: ProxyEvent): void {
    if (levelOf(event) === "warning") logger.warn(formatEvent(event).text);
    else if (wants(event, options)) logger.info(formatEvent(event).text);
  }

  return { observe, close: () => writer.close() };
}

const CATEGORY = ["tls-proxy"];

/** Of the raw message: in the parsed one `{...}` in a peer's words would be a placeholder. */
function formatRecord({ timestamp, level, rawMessage }: LogRecord): string {
  return formatLine(timestamp, level, String(rawMessage));
}

function formatLine(timestamp: number, level: string, text: string): string {
  return `${new Date(timestamp).toISOString()} ${level} ${text}`;
}

function wants(event: ProxyEvent, { access, tls }: LogOptions): boolean {
  switch (event.kind) {
    case "handshake":
      return access && tls;
    case "connection_end":
    case "request":
      return access;
    case "handshake_failed":
    case "server_failed":
    case "server_state":
    case "servers_resolved":
    case "resolve_failed":
    case "listener_trouble":
    case "connections_refused":
    case "reloaded":
    case "reload_failed":
    case "certificate_expiring":
      return true;
  }
}
