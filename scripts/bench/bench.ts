import { makeCertificates } from "./certificates.ts";
import type { Contender } from "./contender.ts";
import { facts, idleThatFit, pinSelf } from "./machine.ts";
import { scraping } from "./load/scraper.ts";
import { CONTENDERS } from "./peers/contenders.ts";
import type { Plan, Surroundings } from "./plan.ts";
import { type Candidate, findPrograms } from "./programs.ts";
import { type Findings, groupsOf, isFor, Samples } from "./findings.ts";
import { ALL_SETUPS, roundsOf, type Setup } from "./setup.ts";
import { end, type Stable, start, startBackends, type Started } from "./start.ts";
import { workloads } from "./workloads/all.ts";
import { counted, type Workload } from "./workloads/workload.ts";

/**
 * Runs every workload on every contender that can, in rounds, in which they take turns, so that
 * whatever else the machine does hits all of them. Contenders run on the first core; load, what is
 * behind them and this program on the second. Those that are set up for other workloads do not run
 * meanwhile.
 *
 * @throws {Error} where nothing can be measured, or on `stop`
 */
export async function runBench(plan: Plan, surroundings: Surroundings): Promise<Findings> {
  const { processes } = surroundings;
  const idle = await idleThatFit(processes, plan.idleConnections);
  const { requests } = plan;
  const all = workloads({ tools: surroundings, requests, idleConnections: idle.count });
  const chosen = choose(plan.only, all);
  const pinned = await pinSelf(processes);
  const { found, skipped, versions } = await findPrograms(processes, chosen.contenders);
  const certificates = await makeCertificates(surroundings);
  const backendPorts = await startBackends(surroundings, certificates);
  const bench = new Bench(plan.rounds, { ...surroundings, certificates, backendPorts, pinned });
  for (const setup of ALL_SETUPS) {
    const able = found.filter(({ contender }) => contender.setups.includes(setup));
    const due = chosen.workloads.filter((workload) => workload.setup === setup);
    if (due.length > 0) await bench.measure(setup, able, due);
  }
  return {
    facts: await facts(plan, { processes, versions, pinned }),
    groups: groupsOf(CONTENDERS, all),
    samples: bench.samples,
    skipped: [...skipped, ...chosen.workloads.some(({ fresh }) => fresh) ? idle.notes : []],
    troubles: bench.troubles,
  };
}

/**
 * What is to run.
 *
 * @param only names of contenders and workloads; of a kind that none is of, all are chosen
 * @throws {Error} where there is no such name
 */
export function choose(
  only: readonly string[],
  all: readonly Workload[],
): { contenders: readonly Contender[]; workloads: readonly Workload[] } {
  const named = <T extends { readonly name: string }>(things: readonly T[]) => {
    const some = things.filter(({ name }) => only.includes(name));
    return some.length > 0 ? some : things;
  };
  const names = [...CONTENDERS, ...all].map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new Error(`--only ${unknown}: there are only ${names.join(", ")}`);
  }
  return { contenders: named(CONTENDERS), workloads: named(all) };
}

interface Runner extends Candidate {
  readonly subject: Started;
}

/** The work itself, and what comes of it. */
class Bench {
  readonly samples = new Samples();
  /** What went wrong. */
  readonly troubles: string[] = [];
  readonly #rounds: number;
  readonly #stable: Stable;

  constructor(rounds: number, stable: Stable) {
    this.#rounds = rounds;
    this.#stable = stable;
  }

  /**
   * Starts contenders, has them do one workload after the other, and ends them. All rounds of a
   * workload follow its warming up: what V8 has compiled for another one fits it less.
   */
  async measure(
    setup: Setup,
    candidates: readonly Candidate[],
    workloads: readonly Workload[],
  ): Promise<void> {
    const runners: Runner[] = [];
    for (const candidate of candidates) {
      const what = `${candidate.contender.name}, start for ${setup}`;
      const subject = await this.#attempt(what, () => start(candidate, setup, this.#stable));
      if (subject !== undefined) runners.push({ ...candidate, subject });
    }
    for (const workload of workloads) {
      const able = runners.filter(({ contender }) => isFor(contender.mode, workload));
      for (let round = 0; round <= this.#rounds * roundsOf(setup); round++) {
        for (const runner of rotate(able, round)) {
          await this.#turn(round, { workload, runner });
        }
      }
    }
    for (const { contender, subject } of runners) {
      await this.#attempt(contender.name, () => end(subject, this.#stable.processes));
    }
  }

  /** One workload on one contender; the round of number 0 is for warming up. */
  async #turn(
    round: number,
    { workload, runner }: { workload: Workload; runner: Runner },
  ): Promise<void> {
    const { say } = this.#stable;
    if (workload.fresh && round !== 1) return;
    const { name } = runner.contender;
    const rounds = this.#rounds * roundsOf(workload.setup);
    const when = round === 0 ? "warming up" : `round ${round}/${rounds}`;
    const what = `${when}, ${workload.name}, ${name}`;
    await this.#attempt(what, async () => {
      if (round === 0) {
        say(what);
        const { subject } = runner;
        return await untilSteady(async () => {
          return (await counted(subject, () => workload.warmUp(subject))).cpuMs;
        });
      }
      const values = await this.#run(workload, runner);
      workload.measures.forEach((measure, index) => {
        this.samples.add(values[index] ?? NaN, { contender: name, measure: measure.name, round });
      });
      say(`${what}: ${values.map((value) => value.toFixed(2)).join(", ")}`);
    });
  }

  async #run(workload: Workload, runner: Runner): Promise<readonly number[]> {
    const { metrics } = runner.subject;
    if (!workload.fresh) {
      const run = () => workload.run(runner.subject);
      return await (metrics === undefined ? run() : scraping(metrics, run));
    }
    const subject = await start(runner, workload.setup, this.#stable);
    try {
      return await workload.run(subject);
    } finally {
      await end(subject, this.#stable.processes);
    }
  }

  /** Runs one step; what goes wrong there is a finding, not the end. */
  async #attempt<T>(what: string, step: () => Promise<T>): Promise<T | undefined> {
    const { stop, say } = this.#stable;
    stop.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      stop.throwIfAborted();
      const trouble = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      this.troubles.push(trouble);
      say(trouble);
      return undefined;
    }
  }
}

/**
 * Does something again and again until it takes no less CPU: a compiler that works at run time takes
 * a while to find out what is worth its while, and that is CPU of the process, too.
 *
 * @param once does it, and tells the CPU that it took
 */
export async function untilSteady(once: () => Promise<number>): Promise<void> {
  let least = Infinity;
  let vain = 0;
  for (let i = 0; i < MOST_WARM_UPS && vain < VAIN_WARM_UPS; i++) {
    const taken = await once();
    vain = taken > STILL_LESS * least ? vain + 1 : 0;
    least = Math.min(least, taken);
  }
}

const MOST_WARM_UPS = 12;
/** Times in a row that it takes no less: what else the machine does may hide that once. */
const VAIN_WARM_UPS = 3;
/** Of what it took before. */
const STILL_LESS = 0.95;

/** Every round in another order, so that none always comes behind the same other. */
function rotate<T>(things: readonly T[], by: number): readonly T[] {
  const at = by % Math.max(1, things.length);
  return [...things.slice(at), ...things.slice(0, at)];
}
