import { answerOf, ASSETS, CHUNKED, SIZES, UPLOADED } from "../answers.ts";
import { HOST } from "../contender.ts";
import { blank } from "../load/blank.ts";
import { browserFields } from "../load/browser.ts";
import { handshakes, headOf } from "../load/connections.ts";
import { h2load, h2loadAtRate, h2loadTimes, type Load, type RequestTime } from "../load/h2load.ts";
import type { Progress } from "../load/progress.ts";
import { resumptions } from "../load/resumption.ts";
import { echoes } from "../load/websocket.ts";
import { browse } from "../load/wrk.ts";
import { percentile } from "../statistics.ts";
import { idle } from "./idle.ts";
import {
  type Amounts,
  counted,
  countedAmid,
  MIB,
  repeated,
  settledMemory,
  steady,
  type Subject,
  type Workload,
} from "./workload.ts";

/** What browsers send comes first: it is what most proxies do all day. */
export function http1Workloads(amounts: Amounts): readonly Workload[] {
  return [
    ...browsers(amounts),
    crowd(amounts),
    ...kept(amounts),
    ...openings(amounts),
    ...transfers(amounts),
    latency(amounts),
    websocket(amounts),
    after,
    idle(amounts),
  ];
}

/** Heads as browsers send them. */
function browsers({ tools, requests }: Amounts): readonly Workload[] {
  const leastBytes = Math.min(...ASSETS.map(({ bytes }) => bytes));
  return ([["browser", 64, 1], ["browsers", 256, 16]] as const).map(
    ([name, connections, browsers]) => {
      const load = { connections, browsers, requests, leastBytes };
      return steady({
        ...{ name, setup: "files", plot: true },
        title: `browser heads, ${connections} connections${browsers > 1 ? ", 16 browsers" : ""}`,
        load: async (subject, progress) => {
          await browse(tools, subject, load, progress);
          return requests;
        },
      });
    },
  );
}

/** More connections than are served at once. */
function crowd({ tools, requests }: Amounts): Workload {
  const load: Load = {
    ...{ connections: 512, requests: Math.max(2 * requests, 10_000) },
    ...{ asked: ASSETS, fields: browserFields(HOST, 0, 1) },
  };
  return {
    name: "crowd",
    measures: [
      { name: "browser fields, 512 connections, CPU µs", digits: 1 },
      { name: "browser fields, 512 connections, slowest request, ms", digits: 0 },
    ],
    ...STEADY,
    warmUp: async (subject) => void await h2load(tools, subject, load),
    run: async (subject) => {
      const { cpuMs, share, result } = await countedAmid(
        subject,
        (progress) => h2loadTimes(tools, subject, load, { progress }),
      );
      return [cpuMs * 1000 / (share * load.requests), slowestLater(result)];
    },
  };
}

/**
 * Milliseconds of the slowest request among the later half: the first ones wait for everybody's
 * handshake.
 */
export function slowestLater(requests: readonly RequestTime[]): number {
  const inOrder = requests.toSorted((a, b) => a.began - b.began);
  return Math.max(...inOrder.slice(inOrder.length / 2).map(({ took }) => took));
}

/** Small things on connections that are kept alive. */
function kept({ tools, requests }: Amounts): readonly Workload[] {
  const small = { connections: 32, requests, asked: [answerOf(SIZES.small)] };
  const medium = {
    ...{ connections: 32, requests: Math.ceil(requests / 4) },
    asked: [answerOf(SIZES.medium)],
  };
  const of = (load: Load) => async (subject: Subject, progress?: Progress) => {
    await h2load(tools, subject, load, { progress });
    return load.requests;
  };
  return [
    steady({
      ...{ name: "post", setup: "files", title: "POST of 1 KiB" },
      load: async (subject, progress) => {
        const body = await blank(tools.folder, SIZES.small);
        const load = { requests, connections: 64, asked: [UPLOADED], body };
        return await of(load)(subject, progress);
      },
    }),
    rated("1k", "1 KiB kept alive", { tools, load: small }),
    steady({
      ...{ name: "1k-varied", setup: "files", title: "about 1 KiB, no two alike in turn" },
      load: of({ ...small, asked: ASSETS }),
    }),
    steady({
      ...{ name: "chunked", setup: "files", title: "4 KiB in chunks" },
      check: async (subject) => {
        const head = await headOf(subject, `/${CHUNKED.path}`);
        if (!/^transfer-encoding: chunked$/im.test(head)) throw new Error("It is not in chunks");
      },
      load: of({ ...small, asked: [CHUNKED] }),
    }),
    rated("64k", "64 KiB kept alive", { tools, load: medium }),
  ];
}

/** CPU for a request, and how many there are in a second. */
function rated(
  name: string,
  what: string,
  { tools, load }: { tools: Amounts["tools"]; load: Load },
): Workload {
  return {
    name,
    measures: [
      { name: `${what}, CPU µs`, digits: 1, plot: true },
      { name: `${what}, requests a second`, digits: 0 },
    ],
    ...{ ...STEADY, ofBytes: true },
    warmUp: (subject) => h2load(tools, subject, load),
    run: async (subject) => {
      const { cpuMs, seconds, share } = await countedAmid(
        subject,
        (progress) => h2load(tools, subject, load, { progress }),
      );
      const requests = share * load.requests;
      return [cpuMs * 1000 / requests, requests / seconds];
    },
  };
}

/** Connections that are opened for one request each. */
function openings({ tools, requests }: Amounts): readonly Workload[] {
  const connections = Math.ceil(requests / 20);
  return [
    repeated({
      ...{ name: "handshake", setup: "files", title: "full handshake and one request" },
      ...{ unit: "ms", plot: true, ofBytes: true },
      load: async (subject) => {
        await handshakes(subject, connections);
        return connections;
      },
    }),
    repeated({
      ...{ name: "resume", setup: "files", title: "resumed handshake and one request" },
      ...{ unit: "ms", plot: true, ofBytes: true },
      load: (subject) => resumptions(tools.processes, subject, 1),
    }),
  ];
}

/** 100 MB either way. */
function transfers({ tools, requests }: Amounts): readonly Workload[] {
  const times = Math.ceil(requests / 10_000);
  const work = (
    { name, setup }: Pick<Workload, "name" | "setup">,
    load: (subject: Subject, requests: number) => Promise<void>,
  ): Workload => ({
    measures: [
      { name: `100 MB ${name}, CPU ms`, digits: 0, plot: true },
      { name: `100 MB ${name}, MB a second`, digits: 0 },
    ],
    ...{ name, setup, ofBytes: true, fresh: false },
    warmUp: (subject) => load(subject, 1),
    run: async (subject) => {
      const began = performance.now();
      let seconds = 0;
      const { cpuMs } = await counted(subject, async () => {
        await load(subject, times);
        seconds = (performance.now() - began) / 1_000;
      });
      return [cpuMs / times, times * SIZES.large / 1e6 / seconds];
    },
  });
  return [
    work({ name: "download", setup: "files" }, (subject, requests) => {
      const asked = [answerOf(SIZES.large)];
      return h2load(tools, subject, { requests, connections: 1, asked });
    }),
    work({ name: "upload", setup: "app" }, async (subject, requests) => {
      const body = await blank(tools.folder, SIZES.large);
      await h2load(tools, subject, { requests, connections: 1, asked: [UPLOADED], body });
    }),
  ];
}

function latency({ tools, requests }: Amounts): Workload {
  const load = { connections: 32, requests, asked: [answerOf(SIZES.small)] };
  return {
    name: "latency",
    measures: [
      { name: "1 KiB at half of its own saturation, p50 ms", digits: 2 },
      { name: "1 KiB at half of its own saturation, p99 ms", digits: 2 },
    ],
    ...STEADY,
    warmUp: () => Promise.resolve(),
    run: async (subject) => {
      const { share, seconds } = await countedAmid(
        subject,
        (progress) => h2load(tools, subject, load, { progress }),
      );
      const rate = share * requests / seconds / 2;
      const rated = { ...load, requests: requests / 2, rate };
      const times = (await h2loadAtRate(tools, subject, rated)).map(({ took }) => took);
      return [percentile(times, 50), percentile(times, 99)];
    },
  };
}

function websocket({ requests }: Amounts): Workload {
  const echoed = { connections: 16, messages: Math.ceil(requests / 32) };
  return steady({
    ...{ name: "websocket", setup: "app", title: "WebSocket message and its echo" },
    load: async (subject, progress) => {
      await echoes(subject, echoed, progress);
      return echoed.connections * echoed.messages;
    },
  });
}

/** Behind all others on files. */
const after: Workload = {
  name: "after",
  measures: [{ name: "memory after all of that, MiB", digits: 1 }],
  ...{ setup: "files", ofBytes: true, fresh: false },
  warmUp: () => Promise.resolve(),
  run: async (subject) => [(await settledMemory(subject)) / MIB],
};

/** What most workloads are. */
const STEADY = { setup: "files", fresh: false } as const;
