import { parseArgs } from "node:util";
import { CONTENDERS } from "./peers/contenders.ts";
import type { Plan } from "./plan.ts";

export const HELP = `Usage: deno task bench [--rounds N] [--requests N] [--only NAME,...]
                       [--quick] [--write]

  --rounds N      how often everything is measured (default: 5; with --quick 1)
  --requests N    requests of 1 KiB in a round, in thousands; all else follows
                  (default: 24000; with --quick 2000)
  --only NAMES    contenders and workloads to run; of a kind that is not named, all are
  --quick         only to see whether it works
  --write         also puts the results into docs/benchmarks.md and a plot into scripts/bench/results.svg;
                  with --only, of workloads, other rows stay as they were measured before

The report goes to standard output, what happens meanwhile to standard error.`;

/** @throws {Error} one line, where they are wrong */
export function parseFlags(args: readonly string[]): Plan | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      requests: { type: "string" },
      only: { type: "string", default: "" },
      write: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { quick, help, write } = values;
  if (help) return "help";
  const only = values.only.split(",").filter((name) => name !== "");
  if (write) refuseParts(quick, only);
  return {
    rounds: parseCount("--rounds", values.rounds ?? (quick ? "1" : "5")),
    requests: thousands(parseCount("--requests", values.requests ?? (quick ? "2000" : "24000"))),
    idleConnections: quick ? 200 : 10_000,
    write,
    only,
  };
}

/** What is published is measured properly, and by rows: of all contenders in turn. */
function refuseParts(quick: boolean, only: readonly string[]): void {
  if (quick) throw new Error("--write --quick: --quick only shows that it works");
  const contender = CONTENDERS.find(({ name }) => only.includes(name));
  if (contender === undefined) return;
  throw new Error(
    `--write --only ${contender.name}: a row is published with all contenders, so name workloads only`,
  );
}

function parseCount(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${flag} ${text}: not a number above 0`);
  return Number(text);
}

/** Parts of it are to be whole numbers. */
function thousands(requests: number): number {
  return Math.ceil(requests / 1_000) * 1_000;
}
