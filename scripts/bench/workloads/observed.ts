import { ASSETS, ITEMS } from "../answers.ts";
import { HOST } from "../contender.ts";
import { browserFields } from "../load/browser.ts";
import { h2load } from "../load/h2load.ts";
import { browse } from "../load/wrk.ts";
import { type Amounts, steady, type Workload } from "./workload.ts";

/** What it costs to be told of requests: the same proxy with and without, by turns. */
export function observedWorkloads({ tools, requests }: Amounts): readonly Workload[] {
  const leastBytes = Math.min(...ASSETS.map(({ bytes }) => bytes));
  const browsing = { connections: 64, browsers: 1, requests, leastBytes };
  const multiplexed = {
    ...{ connections: 8, streams: 32, requests, asked: ITEMS },
    fields: browserFields(HOST, 0, 1),
  };
  return [
    steady({
      ...{ name: "observed", setup: "observed", plot: true },
      title: "browser heads by HTTP/1.1, 64 connections",
      load: async (subject, progress) => {
        await browse(tools, subject, browsing, progress);
        return requests;
      },
    }),
    steady({
      ...{ name: "h2-observed", setup: "observed", plot: true },
      title: "browser fields by HTTP/2, 2,000 paths, 8 × 32",
      load: async (subject, progress) => {
        await h2load(tools, subject, multiplexed, { progress });
        return requests;
      },
    }),
  ];
}
