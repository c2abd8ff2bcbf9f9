import { OpenConnections } from "../load/connections.ts";
import { type Amounts, MIB, settledMemory, type Subject, type Workload } from "./workload.ts";

/** Memory of connections that were used once, and wait. */
export function idle({ idleConnections }: Amounts): Workload {
  return {
    name: "idle",
    measures: [
      { name: "memory after the start, MiB", digits: 1 },
      { name: "memory of an idle connection, KiB", digits: 1, plot: true },
    ],
    ...{ setup: "files", ofBytes: true, fresh: true },
    warmUp: () => Promise.resolve(),
    run: async (subject) => {
      const atStart = await settledMemory(subject);
      using open = new OpenConnections(subject);
      return [atStart / MIB, await memoryOfEach(subject, open, idleConnections) / 1024];
    },
  };
}

/** Connections of HTTP/1.1, then of HTTP/2: of one process, so that others do not count. */
export function idleHttp2({ idleConnections }: Amounts): Workload {
  return {
    name: "h2-idle",
    measures: [
      { name: "memory of an idle HTTP/2 connection, KiB", digits: 1, plot: true },
      { name: "memory of it over one of HTTP/1.1", digits: 2 },
    ],
    ...{ setup: "http2", fresh: true },
    warmUp: () => Promise.resolve(),
    run: async (subject) => {
      const half = Math.ceil(idleConnections / 2);
      using plain = new OpenConnections(subject);
      const before = await memoryOfEach(subject, plain, half);
      using multiplexed = new OpenConnections(subject, "h2");
      const bytes = await memoryOfEach(subject, multiplexed, half);
      return [bytes / 1024, bytes / before];
    },
  };
}

/** Bytes that a connection takes up, found by opening so many, and a fifth of that before. */
async function memoryOfEach(
  subject: Subject,
  open: OpenConnections,
  count: number,
): Promise<number> {
  // the first ones pay for code and tables that serve all
  await open.add(Math.ceil(count / 5));
  const few = await settledMemory(subject);
  await open.add(count);
  return (await settledMemory(subject) - few) / count;
}
