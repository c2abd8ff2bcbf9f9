import { ProxyError } from "../core/errors.ts";
import type { Capability, EngineName } from "./engine.ts";

/** What a listener asks of an engine. */
export interface Need {
  readonly capability: Capability;
  readonly why: string;
  /** Whether an engine without it would do something else than was asked; else it does less. */
  readonly strict: boolean;
  /** Whether who has asked for the engine is told that it is lost, too: something fails by it. */
  readonly grave?: boolean;
}

/** What stands for and against the engines, for one listener. */
export interface EngineQuestion {
  readonly wanted: EngineName | "auto";
  /** What the listener needs, and why. */
  readonly needs: readonly Need[];
  readonly openssl: EngineFacts;
  readonly deno: EngineFacts;
}

/** An engine as it is on this machine. */
export interface EngineFacts {
  readonly can: ReadonlySet<Capability>;
  /** Why it cannot run here, and what to do about it; undefined where it can. */
  readonly unavailable: string | undefined;
  /** What it does worse here than elsewhere, and why. */
  readonly handicap?: string | undefined;
}

/** The engine that a listener gets. */
export interface EngineChoice {
  readonly engine: EngineName;
  /** For a person. */
  readonly reason: string;
}

/**
 * Takes the engine that was asked for, or the best that this machine has: OpenSSL, which does all
 * that can be asked, else the runtime's own where that can do what is needed.
 *
 * @throws {ProxyError} `bad_config` where none can do it
 */
export function chooseEngine({ wanted, needs, openssl, deno }: EngineQuestion): EngineChoice {
  const lacks = needs.filter(({ capability }) => !deno.can.has(capability));
  const missing = lacks.find(({ strict }) => strict);
  switch (wanted) {
    case "openssl":
      if (openssl.unavailable === undefined) return { engine: "openssl", reason: "asked for" };
      throw cannotUse(`The openssl engine cannot be used: ${openssl.unavailable}`);
    case "deno":
      if (missing === undefined) {
        const lost = inAllLost(lacks.filter(({ grave = false }) => grave));
        return { engine: "deno", reason: inWords(["asked for", lost, deno.handicap]) };
      }
      throw cannotUse(
        `The deno engine cannot be used: ${missing.why} (${missing.capability})`,
      );
    case "auto":
      if (openssl.unavailable === undefined) {
        return {
          engine: "openssl",
          reason: "the best there is here, it does all that can be asked",
        };
      }
      if (missing !== undefined) {
        throw cannotUse(
          `${missing.why} (${missing.capability}): it takes the openssl engine, and ` +
            openssl.unavailable,
        );
      }
      if (deno.unavailable !== undefined) {
        throw cannotUse(
          `No engine can be used: ${openssl.unavailable}, and for the deno engine ${deno.unavailable}`,
        );
      }
      return {
        engine: "deno",
        reason: inWords([openssl.unavailable, inAllLost(lacks), deno.handicap]),
      };
  }
}

/** What the runtime's engine does not do of what would be done. */
function inAllLost(lost: readonly Need[]): string | undefined {
  if (lost.length === 0) return undefined;
  return `not done without it: ${lost.map(({ why }) => why).join(", ")}`;
}

function inWords(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join("; ");
}

function cannotUse(message: string): ProxyError {
  return new ProxyError("bad_config", message);
}
