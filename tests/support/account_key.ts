import { generateKeyPairSync } from "node:crypto";

/** The key of an account at a CA, as PEM. */
export function accountKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
