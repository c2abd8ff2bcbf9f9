/**
 * The proxies side by side, on one machine, doing the same work: `deno task bench`.
 *
 * It may run what it names and write to /tmp, and to the two files of `--write`. To run Deno means to be able to do anything, so the
 * other permissions are no fence, only a statement of what is needed.
 */
import { parseArgs } from "node:util";
import { runBench } from "./bench.ts";
import { renderPlot } from "./plot.ts";
import type { Plan } from "./plan.ts";
import { Processes } from "./processes.ts";
import { BENCH, between } from "../between.ts";
import { type Findings, renderReport } from "./report.ts";

const HELP = `Usage: deno task bench [--rounds N] [--requests N] [--only NAME,...]
                       [--quick] [--write]

  --rounds N      how often everything is measured (default: 5; with --quick 1)
  --requests N    requests of 1 KiB in a round, in thousands; all else follows
                  (default: 20000; with --quick 2000)
  --only NAMES    contenders and workloads to run; of a kind that is not named, all are
  --quick         only to see whether it works
  --write         also puts the report into docs/benchmarks.md and a plot into scripts/bench/results.svg

The report goes to standard output, what happens meanwhile to standard error.
`;

/** What `--write` writes. */
const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const PLOT = new URL("results.svg", import.meta.url);

if (import.meta.main) Deno.exit(await main(Deno.args));

/** @returns the exit code: 0 fine, 1 something could not be measured, 2 wrong flags, 130 stopped */
async function main(args: readonly string[]): Promise<number> {
  let plan: Plan | "help";
  try {
    plan = parseFlags(args);
  } catch (error) {
    say(messageOf(error));
    return 2;
  }
  if (plan === "help") {
    print(HELP);
    return 0;
  }
  await using cleanUp = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "tls-proxy-bench-" });
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const processes = cleanUp.use(new Processes());
  const stop = stopOnSignals(processes);
  try {
    const findings = await runBench(plan, { processes, folder, say, stop });
    print(renderReport(findings));
    if (plan.write) await publish(findings);
    return findings.troubles.length > 0 ? 1 : 0;
  } catch (error) {
    // whatever failed after a signal failed because of it
    say(messageOf(stop.aborted ? stop.reason : error));
    return stop.aborted ? 130 : 1;
  }
}

/** Puts findings where readers see them. */
async function publish(findings: Findings): Promise<void> {
  const page = await Deno.readTextFile(PAGE);
  const picture = "![CPU and memory of each proxy, as bars](../scripts/bench/results.svg)";
  const [asItIs, formatted] = ["<!-- deno-fmt-ignore-start -->", "<!-- deno-fmt-ignore-end -->"];
  const text = `${picture}\n\n${asItIs}\n\n${renderReport(findings)}\n${formatted}`;
  await Deno.writeTextFile(PAGE, between(page, BENCH, text));
  await Deno.writeTextFile(PLOT, renderPlot(findings));
}

/** @throws {Error} one line, where they are wrong */
function parseFlags(args: readonly string[]): Plan | "help" {
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
  return {
    rounds: parseCount("--rounds", values.rounds ?? (quick ? "1" : "5")),
    requests: thousands(parseCount("--requests", values.requests ?? (quick ? "2000" : "20000"))),
    idleConnections: quick ? 200 : 10_000,
    write,
    only: values.only.split(",").filter((name) => name !== ""),
  };
}

function parseCount(flag: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${flag} ${text}: not a number above 0`);
  return Number(text);
}

/** Parts of it are to be whole numbers. */
function thousands(requests: number): number {
  return Math.ceil(requests / 1_000) * 1_000;
}

/** A signal stops all processes, so that whatever waits for one of them fails and ends. */
function stopOnSignals(processes: Processes): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => {
      stop.abort(new Error(`Stopped by ${name}`));
      processes[Symbol.asyncDispose]();
    });
  }
  return stop.signal;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
