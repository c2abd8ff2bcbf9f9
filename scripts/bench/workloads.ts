import { ABOUT_1_KIB, type BackendKind, SIZES } from "./backend.ts";
import { cpuMsBetween, usageOf } from "./cpu.ts";
import {
  atRate,
  browse,
  handshakes,
  keepAlive,
  keepAliveVaried,
  OpenConnections,
  type Target,
  upload,
} from "./load.ts";
import type { Surroundings } from "./plan.ts";
import { resumptions } from "./resumption.ts";
import { percentile } from "./statistics.ts";
import { echoes } from "./websocket.ts";

/** Something that a contender is made to do, and what is measured meanwhile. */
export interface Workload {
  readonly name: string;
  readonly measures: readonly Measure[];
  /** Whether it needs a contender that was started just now and has done nothing. */
  readonly fresh: boolean;
  /** What stands behind a contender that is started for this. */
  readonly backend: BackendKind;
  /** Whether one round is enough, because it takes long and always gives the same. */
  readonly once: boolean;
  /** Done once, before anything counts. */
  warmUp(subject: Subject): Promise<void>;
  /**
   * @returns a number for each of `measures`
   * @throws {Error} where the contender made a mistake
   */
  run(subject: Subject): Promise<readonly number[]>;
}

/** One row of the report. */
export interface Measure {
  readonly name: string;
  /** Digits behind the point. */
  readonly digits: number;
  /** Whether it is in the plot, too; less of it has to be better. */
  readonly plot?: boolean;
}

/** A contender while it runs. */
export interface Subject extends Target {
  readonly pid: number;
}

export interface Amounts {
  /** Requests of 1 KiB; all other amounts follow from it. */
  readonly requests: number;
  /** Connections that are held open while memory is measured. */
  readonly idleConnections: number;
}

/** In the order of the report. */
export function workloads(
  { processes, folder }: Pick<Surroundings, "processes" | "folder">,
  { requests, idleConnections }: Amounts,
): readonly Workload[] {
  const small = { bytes: SIZES.small, connections: 32, requests };
  const varied = { sizes: ABOUT_1_KIB, connections: 32, requests };
  const medium = { bytes: SIZES.medium, connections: 32, requests: Math.ceil(requests / 4) };
  const large = { bytes: SIZES.large, connections: 1, requests: Math.ceil(requests / 5_000) };
  const connections = Math.ceil(requests / 20);
  const posts = async (subject: Subject, requests: number) => {
    const file = `${folder}/posted`;
    await Deno.writeFile(file, new Uint8Array(SIZES.small));
    return await upload(processes, subject, { file, requests, connections: 64 });
  };
  const echoed = { connections: 16, messages: Math.ceil(requests / 32) };
  const browserSeconds = Math.max(2, Math.round(requests / 2_500));
  /** Heads as browsers send them, on so many connections. */
  const browserWork = (
    name: string,
    what: string,
    { connections, browsers }: { connections: number; browsers: number },
  ): Workload => ({
    name,
    measures: [
      { name: `${what}, CPU µs a request`, digits: 1, plot: name === "browser" },
      { name: `${what}, slowest request, ms`, digits: 0 },
    ],
    ...STEADY,
    warmUp: async (subject) =>
      void await browse(processes, subject, {
        seconds: 3 * browserSeconds,
        ...{ connections, browsers },
      }),
    run: async (subject) => {
      const { cpuMs, result } = await counted(
        subject,
        () => browse(processes, subject, { seconds: browserSeconds, connections, browsers }),
      );
      return [cpuMs * 1000 / result.requests, result.slowest];
    },
  });
  return [
    browserWork("browser", "browser heads, 64 connections", { connections: 64, browsers: 1 }),
    browserWork("browsers", "browser heads, 256 connections, 16 browsers", {
      ...{ connections: 256, browsers: 16 },
    }),
    browserWork("crowd", "browser heads, 512 connections", { connections: 512, browsers: 16 }),
    {
      name: "post",
      measures: [{ name: "POST of 1 KiB, CPU µs a request", digits: 1 }],
      ...STEADY,
      warmUp: async (subject) => void await posts(subject, 3 * requests),
      run: async (subject) => {
        const { cpuMs } = await counted(subject, () => posts(subject, requests));
        return [cpuMs * 1000 / requests];
      },
    },
    {
      name: "1k",
      measures: [
        { name: "1 KiB kept alive, CPU µs a request", digits: 1, plot: true },
        { name: "1 KiB kept alive, requests a second", digits: 0 },
      ],
      ...STEADY,
      // compilers take their time to find out what is worth their while
      warmUp: async (subject) =>
        void await keepAlive(processes, subject, { ...small, requests: 5 * requests }),
      run: async (subject) => {
        const { cpuMs, result } = await counted(
          subject,
          () => keepAlive(processes, subject, small),
        );
        return [cpuMs * 1000 / requests, requests / result];
      },
    },
    {
      name: "1k-varied",
      measures: [{ name: "about 1 KiB, no two alike in turn, CPU µs a request", digits: 1 }],
      ...STEADY,
      warmUp: async (subject) =>
        void await keepAliveVaried(processes, subject, { ...varied, requests: 3 * requests }),
      run: async (subject) => {
        const { cpuMs } = await counted(
          subject,
          () => keepAliveVaried(processes, subject, varied),
        );
        return [cpuMs * 1000 / requests];
      },
    },
    {
      name: "64k",
      measures: [
        { name: "64 KiB kept alive, CPU µs a request", digits: 1, plot: true },
        { name: "64 KiB kept alive, requests a second", digits: 0 },
      ],
      ...STEADY,
      warmUp: async (subject) => void await keepAlive(processes, subject, medium),
      run: async (subject) => {
        const { cpuMs, result } = await counted(
          subject,
          () => keepAlive(processes, subject, medium),
        );
        return [cpuMs * 1000 / medium.requests, medium.requests / result];
      },
    },
    {
      name: "handshake",
      measures: [{ name: "full handshake and one request, CPU ms", digits: 3, plot: true }],
      ...STEADY,
      warmUp: (subject) => handshakes(subject, connections),
      run: async (subject) => {
        const { cpuMs } = await counted(subject, () => handshakes(subject, connections));
        return [cpuMs / connections];
      },
    },
    {
      name: "resume",
      measures: [{ name: "resumed handshake and one request, CPU ms", digits: 3, plot: true }],
      ...STEADY,
      warmUp: async (subject) => void await resumptions(processes, subject, 1),
      run: async (subject) => {
        const { cpuMs, result } = await counted(subject, () => resumptions(processes, subject, 2));
        return [cpuMs / result];
      },
    },
    {
      name: "download",
      measures: [
        { name: "100 MB download, CPU ms", digits: 0, plot: true },
        { name: "100 MB download, MB a second", digits: 0 },
      ],
      ...STEADY,
      warmUp: async (subject) =>
        void await keepAlive(processes, subject, { ...large, requests: 1 }),
      run: async (subject) => {
        const { cpuMs, result } = await counted(
          subject,
          () => keepAlive(processes, subject, large),
        );
        return [cpuMs / large.requests, large.requests * large.bytes / 1e6 / result];
      },
    },
    {
      name: "upload",
      measures: [
        { name: "100 MB upload, CPU ms", digits: 0, plot: true },
        { name: "100 MB upload, MB a second", digits: 0 },
      ],
      ...STEADY,
      fresh: true,
      backend: "app",
      warmUp: () => Promise.resolve(),
      run: async (subject) => {
        const file = `${folder}/upload`;
        using body = await Deno.create(file);
        await body.truncate(large.bytes);
        await upload(processes, subject, { file, requests: 1 });
        const { requests } = large;
        const { cpuMs, result } = await counted(
          subject,
          () => upload(processes, subject, { file, requests }),
        );
        return [cpuMs / requests, requests * large.bytes / 1e6 / result];
      },
    },
    {
      name: "latency",
      measures: [
        { name: "1 KiB at half of its own saturation, p50 ms", digits: 2 },
        { name: "1 KiB at half of its own saturation, p99 ms", digits: 2 },
      ],
      ...STEADY,
      warmUp: () => Promise.resolve(),
      run: async (subject) => {
        const saturation = requests / await keepAlive(processes, subject, small);
        const log = await Deno.makeTempFile({ dir: folder });
        const times = await atRate(processes, subject, { ...small, rate: saturation / 2, log });
        return [percentile(times, 50), percentile(times, 99)];
      },
    },
    {
      name: "websocket",
      measures: [{ name: "WebSocket message and its echo, CPU µs", digits: 1 }],
      ...STEADY,
      fresh: true,
      backend: "app",
      warmUp: () => Promise.resolve(),
      run: async (subject) => {
        await echoes(subject, echoed);
        const { cpuMs } = await counted(subject, () => echoes(subject, echoed));
        return [cpuMs * 1000 / (echoed.connections * echoed.messages)];
      },
    },
    {
      name: "after",
      measures: [{ name: "memory after all of that, MiB", digits: 1 }],
      ...STEADY,
      warmUp: () => Promise.resolve(),
      run: async ({ pid }) => [(await settled(pid)) / MIB],
    },
    {
      name: "idle",
      measures: [
        { name: "memory after the start, MiB", digits: 1 },
        { name: "memory of an idle connection, KiB", digits: 1, plot: true },
      ],
      ...STEADY,
      fresh: true,
      once: true,
      warmUp: () => Promise.resolve(),
      run: async (subject) => {
        const atStart = await settled(subject.pid);
        using open = new OpenConnections(subject);
        // the first ones pay for code and tables that serve all
        await open.add(Math.ceil(idleConnections / 5));
        const few = await settled(subject.pid);
        await open.add(idleConnections);
        const many = await settled(subject.pid);
        return [atStart / MIB, (many - few) / idleConnections / 1024];
      },
    },
  ];
}

/** What most workloads are: many rounds on a contender that goes on running. */
const STEADY = { fresh: false, backend: "files", once: false } as const;
const MIB = 1024 * 1024;
/** Milliseconds a contender has to finish what it began, such as closing connections. */
const SETTLE_MS = 200;
const SETTLE_MEMORY_MS = 1_500;

/** Does something and gives what CPU the contender used for it. */
async function counted<T>(
  { pid }: Subject,
  load: () => Promise<T>,
): Promise<{ cpuMs: number; result: T }> {
  const before = await usageOf(pid);
  const result = await load();
  await pause(SETTLE_MS);
  return { cpuMs: cpuMsBetween(before, await usageOf(pid)), result };
}

async function settled(pid: number): Promise<number> {
  await pause(SETTLE_MEMORY_MS);
  return (await usageOf(pid)).rssBytes;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
