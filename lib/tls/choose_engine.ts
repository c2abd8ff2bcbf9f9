import { ProxyError } from "../core/errors.ts";
import type { Capability, EngineName } from "./engine.ts";

export interface Need {
  readonly capability: Capability;
  readonly why: string;
  /** Whether an engine without it would do something else than was asked; else it does less. */
  readonly strict: boolean;
}

/** What stands for and against the engines, for one listener. */
export interface EngineQuestion {
  readonly wanted: EngineName | "auto";
  /** What the listener needs, and why. */
  readonly needs: readonly Need[];
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

/**
 * Takes the engine that was asked for, or the fastest that can do what is needed.
 *
 * @throws {ProxyError} `bad_config` where the one asked for cannot do it
 */
export function chooseEngine(question: EngineQuestion): EngineChoice {
  const { wanted, needs, denoCan, denoUnavailable } = question;
  if (wanted === "node") return { engine: "node", reason: "asked for" };
  const lacks = needs.filter(({ capability }) => !denoCan.has(capability));
  if (wanted === "deno") {
    const missing = lacks.find(({ strict }) => strict);
    if (missing === undefined) return { engine: "deno", reason: "asked for" };
    throw new ProxyError(
      "bad_config",
      `The deno engine cannot be used: ${missing.why} (${missing.capability})`,
    );
  }
  const reason = lacks[0]?.why ?? denoUnavailable;
  return reason === undefined
    ? { engine: "deno", reason: "the fastest, and it can do all that is needed" }
    : { engine: "node", reason };
}
