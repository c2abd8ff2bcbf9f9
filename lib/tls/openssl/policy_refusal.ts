import { messageOf } from "../../core/errors.ts";
import type { TlsPolicy } from "../policy.ts";
import { TlsContext } from "./context.ts";
import { openSslUnavailable } from "./library.ts";

/**
 * What of a listener's choices the library does not have, such as a group that only newer ones know;
 * undefined where it has all, and where it is not there to ask.
 */
export function policyRefusal(policy: TlsPolicy): string | undefined {
  if (openSslUnavailable() !== undefined) return undefined;
  try {
    TlsContext.tryPolicy(policy);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
