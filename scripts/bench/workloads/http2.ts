import { type Answer, answerOf, ITEMS, SIZES, TAKEN } from "../answers.ts";
import { HOST } from "../contender.ts";
import { blank } from "../load/blank.ts";
import { browserFields } from "../load/browser.ts";
import { h2load, h2loadTimes, type Load, type RequestTime } from "../load/h2load.ts";
import { percentile } from "../statistics.ts";
import { idleHttp2 } from "./idle.ts";
import { type Amounts, steady, type Workload } from "./workload.ts";

/** HTTP/2 in front, with HTTP/1.1 behind. */
export function http2Workloads(amounts: Amounts): readonly Workload[] {
  return [...small(amounts), ...larger(amounts), amid(amounts), idleHttp2(amounts)];
}

/** Connections and streams on each, which are two thousand requests at the most. */
const SHAPES = [[32, 1], [8, 32], [1, 100]] as const;

/** Fields that a browser sends with every request to one site. */
const fields = browserFields(HOST, 0, 1);

/** 1 KiB: browsers that ask for many things, then clients that ask for the same again and again. */
function small(amounts: Amounts): readonly Workload[] {
  const one = [answerOf(SIZES.small)];
  const kinds: readonly (readonly [suffix: string, what: string, asked: readonly Answer[]])[] = [
    ["-urls", "browser fields, 2,000 paths", ITEMS],
    ["", "browser fields, one path", one],
  ];
  return kinds.flatMap(([suffix, what, asked]) =>
    SHAPES.map(([connections, streams]) =>
      sent(amounts, {
        name: `h2-${connections}x${streams}${suffix}`,
        title: `1 KiB, ${what}, ${connections} × ${streams}`,
        plot: connections === 8,
        load: { connections, streams, asked, fields, requests: amounts.requests },
      })
    )
  );
}

function larger(amounts: Amounts): readonly Workload[] {
  const { requests, tools: { folder } } = amounts;
  const shape = { connections: 8, streams: 8, fields };
  const asked = [TAKEN];
  return [
    sent(amounts, {
      ...{ name: "h2-64k", title: "64 KiB, 8 × 8" },
      load: { ...shape, asked: [answerOf(SIZES.medium)], requests: Math.ceil(requests / 4) },
    }),
    sent(amounts, {
      ...{ name: "h2-post-1k", title: "POST of 1 KiB, 8 × 8" },
      load: { ...shape, asked, requests },
      body: () => blank(folder, SIZES.small),
    }),
    sent(amounts, {
      ...{ name: "h2-post-1m", title: "POST of 1 MiB, 8 × 8" },
      load: { ...shape, asked, requests: requests / 20 },
      body: () => blank(folder, MEBIBYTE),
    }),
  ];
}

const MEBIBYTE = 1024 * 1024;

function sent(
  { tools }: Amounts,
  { load, body, ...named }: {
    readonly name: string;
    readonly title: string;
    readonly plot?: boolean;
    readonly load: Load;
    /** Makes the file that goes with each request. */
    readonly body?: () => Promise<string>;
  },
): Workload {
  return steady({
    ...named,
    setup: "http2",
    load: async (subject, progress) => {
      const sent = { ...load, ...(body && { body: await body() }) };
      await h2load(tools, subject, sent, { progress });
      return load.requests;
    },
  });
}

/** Streams of one connection that are full all the time. */
const DOWNLOADS = 8;

/** What somebody waits for who clicks while eight downloads run on the same connection. */
function amid({ tools, requests }: Amounts): Workload {
  const clicks = Math.ceil(requests / 40);
  const load: Load = {
    ...{ connections: 1, streams: DOWNLOADS + 1, requests: DOWNLOADS + clicks, fields },
    asked: [
      ...Array.from({ length: DOWNLOADS }, () => answerOf(SIZES.large)),
      ...Array.from({ length: clicks }, () => answerOf(SIZES.small)),
    ],
  };
  // as large as those of a browser: in endless ones the answer would stand behind whole downloads
  const windows = ["--window-bits=22", "--connection-window-bits=24"];
  return {
    name: "h2-amid",
    measures: [
      { name: "1 KiB amid eight downloads on its connection, p50 ms", digits: 2, plot: true },
      { name: "1 KiB amid eight downloads on its connection, p95 ms", digits: 2 },
    ],
    ...{ setup: "http2", fresh: false },
    warmUp: (subject) => h2load(tools, subject, load, { flags: windows }),
    run: async (subject) => {
      const all = await h2loadTimes(tools, subject, load, { flags: windows });
      const times = amidDownloads(all, DOWNLOADS);
      if (times.length === 0) throw new Error("Nothing was answered while downloads ran");
      return [percentile(times, 50), percentile(times, 95)];
    },
  };
}

/** What the requests took that were over before the first of the downloads was, which began first. */
export function amidDownloads(
  requests: readonly RequestTime[],
  downloads: number,
): readonly number[] {
  const inOrder = requests.toSorted((a, b) => a.began - b.began || b.took - a.took);
  const over = ({ began, took }: RequestTime) => began + took;
  const end = Math.min(...inOrder.slice(0, downloads).map(over));
  return inOrder.slice(downloads).filter((one) => over(one) < end).map(({ took }) => took);
}
