import { facts, idleThatFit, pinSelf } from "./machine.ts";
import type { Contender } from "./contender.ts";
import { BASELINES, CONTENDERS } from "./peers.ts";
import type { Plan, Surroundings } from "./plan.ts";
import { type Candidate, findPrograms } from "./programs.ts";
import { type Findings, Samples } from "./report.ts";
import {
  end,
  makeCertificate,
  type Stable,
  start,
  startBackends,
  type Started,
  startWith,
} from "./start.ts";
import { type Workload, workloads } from "./workloads.ts";

/**
 * Runs every workload on every contender in each round, so that whatever else the machine does
 * hits all of them. Contenders run on the first core; load, backend and this program on the second.
 *
 * @throws {Error} where nothing can be measured, or on `stop`
 */
export async function runBench(plan: Plan, surroundings: Surroundings): Promise<Findings> {
  const { processes, stop } = surroundings;
  const idle = await idleThatFit(processes, plan.idleConnections);
  const chosen = choose(plan, workloads(surroundings, { ...plan, idleConnections: idle.count }));
  const pinned = await pinSelf(processes);
  const { found, skipped, versions } = await findPrograms(processes, chosen.contenders);
  const certificate = await makeCertificate(surroundings);
  const backendPorts = await startBackends(surroundings);
  const stable = { ...surroundings, ...certificate, backendPorts, pinned };

  const samples = new Samples();
  const troubles: string[] = [];
  /** Runs one step of a contender; what goes wrong there is a finding, not the end. */
  const attempt = async <T>(what: string, step: () => Promise<T>): Promise<T | undefined> => {
    stop.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      stop.throwIfAborted();
      const trouble = `${what}: ${error instanceof Error ? error.message : String(error)}`;
      troubles.push(trouble);
      surroundings.say(trouble);
      return undefined;
    }
  };

  const runners: Runner[] = [];
  for (const candidate of found) {
    const { name } = candidate.contender;
    const subject = await attempt(`${name}, start`, () => start(candidate, stable));
    if (subject !== undefined) runners.push({ ...candidate, subject });
  }
  for (let round = 0; round <= plan.rounds; round++) {
    for (const workload of chosen.workloads) {
      for (const runner of rotate(runners, round)) {
        if (workload.once && round > 1) continue;
        const { name } = runner.contender;
        const when = round === 0 ? "warming up" : `round ${round}/${plan.rounds}`;
        const what = `${when}, ${workload.name}, ${name}`;
        await attempt(what, async () => {
          if (round === 0) {
            surroundings.say(what);
            return await workload.warmUp(runner.subject);
          }
          const values = await runOnce(workload, runner, stable);
          workload.measures.forEach((measure, index) => {
            samples.add(values[index] ?? NaN, { contender: name, measure: measure.name, round });
          });
          surroundings.say(`${what}: ${values.map((value) => value.toFixed(2)).join(", ")}`);
        });
      }
    }
  }
  for (const { contender, subject } of runners) {
    await attempt(contender.name, () => end(subject, processes));
  }
  return {
    facts: await facts(plan, { processes, versions, pinned }),
    groups: (["http", "tcp"] as const).map((mode) => ({
      title: `${mode} mode`,
      contenders: found.map(({ contender }) => contender).filter((one) => one.mode === mode)
        .map(({ name }) => name),
      baseline: BASELINES[mode],
    })).filter(({ contenders }) => contenders.length > 0),
    measures: chosen.workloads.flatMap(({ measures }) => measures),
    samples,
    skipped: [...skipped, ...idle.notes],
    troubles,
  };
}

interface Runner extends Candidate {
  readonly subject: Started;
}

/** @throws {Error} where `only` has a name that there is not */
function choose(
  { only }: Plan,
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

async function runOnce(
  workload: Workload,
  runner: Runner,
  stable: Stable,
): Promise<readonly number[]> {
  if (!workload.fresh) return await workload.run(runner.subject);
  const subject = await startWith(workload.backend, { candidate: runner, stable });
  try {
    return await workload.run(subject);
  } finally {
    await end(subject, stable.processes);
  }
}

/** Every round in another order, so that none always comes behind the same other. */
function rotate<T>(things: readonly T[], by: number): readonly T[] {
  const at = by % Math.max(1, things.length);
  return [...things.slice(at), ...things.slice(0, at)];
}
