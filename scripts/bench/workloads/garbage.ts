import { ASSETS, ITEMS } from "../answers.ts";
import { HOST } from "../contender.ts";
import { allocatedBytes, gcLog } from "../garbage.ts";
import { browserFields } from "../load/browser.ts";
import { h2load } from "../load/h2load.ts";
import type { Amounts, Subject, Workload } from "./workload.ts";

/** What a request leaves for V8 to collect; of this proxy alone. */
export function garbageWorkloads({ tools, requests }: Amounts): readonly Workload[] {
  const fields = browserFields(HOST, 0, 1);
  // enough for many collections, though each takes but what is young
  const amount = { requests: Math.max(2 * requests, 16_000), fields };
  return [
    garbage("garbage", "browser fields, 64 paths, 64 connections", async (subject) => {
      await h2load(tools, subject, { ...amount, connections: 64, asked: ASSETS });
      return amount.requests;
    }),
    garbage("h2-garbage", "HTTP/2, browser fields, 2,000 paths, 8 × 32", async (subject) => {
      await h2load(tools, subject, { ...amount, connections: 8, streams: 32, asked: ITEMS });
      return amount.requests;
    }),
  ];
}

function garbage(
  name: string,
  what: string,
  load: (subject: Subject) => Promise<number>,
): Workload {
  return {
    name,
    measures: [{ name: `${what}, KiB a request`, digits: 1 }],
    ...{ setup: "traced", fresh: false },
    warmUp: async (subject) => void await load(subject),
    run: async (subject) => {
      const before = await allocated(subject);
      const requests = await load(subject);
      const bytes = await allocated(subject) - before;
      if (bytes === 0) throw new Error("Nothing was collected meanwhile");
      return [bytes / requests / 1024];
    },
  };
}

async function allocated({ folder }: Subject): Promise<number> {
  return allocatedBytes(await Deno.readTextFile(gcLog(folder)));
}
