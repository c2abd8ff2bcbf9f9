import type { ChallengeType } from "../acme/challenges.ts";
import type { Config } from "../config/config.ts";

/**
 * What the listeners can answer a CA, first choice first: http-01 tells more where it fails. Nothing
 * where no certificate is to come from one.
 */
export function challengesOf({ acme, certificates, listeners }: Config): readonly ChallengeType[] {
  if (acme === undefined || !certificates.some(({ acme }) => acme !== undefined)) return [];
  const plain = listeners.some(({ kind }) => kind !== "tls");
  const tls = listeners.some((listener) => listener.kind === "tls" && listener.engine !== "deno");
  const able: ChallengeType[] = [
    ...(plain ? ["http-01"] as const : []),
    ...(tls ? ["tls-alpn-01"] as const : []),
  ];
  return able.filter((type) => acme.challenge === "auto" || acme.challenge === type);
}
