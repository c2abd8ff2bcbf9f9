import type { Capability, EngineName } from "./engine.ts";

/** What stands for and against the engines, for one listener. */
export interface EngineQuestion {
  readonly wanted: EngineName | "auto";
  /** What the listener cannot do without. */
  readonly needs: ReadonlyMap<Capability, string>;
  /** What the `deno` engine can do. */
  readonly denoCan: ReadonlySet<Capability>;
  /** Why the `deno` engine cannot run here; undefined where it can. */
  readonly denoUnavailable: string | undefined;
}

export interface EngineChoice {
  readonly engine: EngineName;
  /** For a person. */
  readonly reason: string;
}

/** Takes the engine that was asked for, or the fastest that can do what is needed. */
export function chooseEngine(question: EngineQuestion): EngineChoice {
  if (question.wanted !== "auto") return { engine: question.wanted, reason: "asked for" };
  for (const [capability, why] of question.needs) {
    if (!question.denoCan.has(capability)) return { engine: "node", reason: why };
  }
  if (question.denoUnavailable !== undefined) {
    return { engine: "node", reason: question.denoUnavailable };
  }
  return { engine: "deno", reason: "the fastest, and it can do all that is needed" };
}
