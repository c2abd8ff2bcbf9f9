/**
 * The proxies side by side, on one machine, doing the same work: `deno task bench`.
 *
 * It may run what it names and write to /tmp, and to the files of `--write`. To run Deno means to be
 * able to do anything, so the other permissions are no fence, only a statement of what is needed.
 */
import { runBench } from "./bench.ts";
import { renderPlot } from "./plot.ts";
import type { Plan } from "./plan.ts";
import { Processes } from "./processes.ts";
import { messageOf } from "../../lib/core/errors.ts";
import { BENCH, between } from "../between.ts";
import { flagTrouble, print } from "../command_line.ts";
import type { Group } from "./findings.ts";
import { HELP, parseFlags } from "./flags.ts";
import { renderReport } from "./report.ts";
import { merged, NOTHING, type Results, resultsOf } from "./results.ts";

/** What `--write` writes. */
const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
const RESULTS = new URL("results.json", import.meta.url);
const PLOT = new URL("results.svg", import.meta.url);

if (import.meta.main) Deno.exit(await main(Deno.args));

/** @returns the exit code: 0 fine, 1 something could not be measured, 2 wrong flags, 130 stopped */
async function main(args: readonly string[]): Promise<number> {
  let plan: Plan | "help";
  try {
    plan = parseFlags(args);
  } catch (error) {
    say(flagTrouble(error));
    return 2;
  }
  if (plan === "help") {
    print(Deno.stdout, HELP);
    return 0;
  }
  await using cleanUp = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "tls-proxy-bench-" });
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const processes = cleanUp.use(new Processes());
  const stop = stopOnSignals(processes);
  try {
    const began = new Date();
    const findings = await runBench(plan, { processes, folder, say, stop });
    const { groups } = findings;
    const results = resultsOf(findings, began);
    print(Deno.stdout, renderReport(results, groups).trimEnd());
    if (plan.write) await publish(merged(await published(), results, groups), groups);
    return findings.troubles.length > 0 ? 1 : 0;
  } catch (error) {
    // whatever failed after a signal failed because of it
    say(messageOf(stop.aborted ? stop.reason : error));
    return stop.aborted ? 130 : 1;
  }
}

/** What was published before; our own file, so nothing in it is checked. */
async function published(): Promise<Results> {
  try {
    return JSON.parse(await Deno.readTextFile(RESULTS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return NOTHING;
    throw error;
  }
}

/** Puts results where readers see them. */
async function publish(results: Results, groups: readonly Group[]): Promise<void> {
  await Deno.writeTextFile(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  const page = await Deno.readTextFile(PAGE);
  const picture = "![CPU and memory of each proxy, as bars](../scripts/bench/results.svg)";
  const [asItIs, formatted] = ["<!-- deno-fmt-ignore-start -->", "<!-- deno-fmt-ignore-end -->"];
  const text = `${picture}\n\n${asItIs}\n\n${renderReport(results, groups)}\n${formatted}`;
  await Deno.writeTextFile(PAGE, between(page, BENCH, text));
  await Deno.writeTextFile(PLOT, renderPlot(results, groups));
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

function say(line: string): void {
  print(Deno.stderr, line);
}
