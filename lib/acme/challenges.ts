import type { IssuedCertificate } from "./keeper.ts";

/** How a CA may ask for proof that a name is ours (RFC 8555, section 8; RFC 8737). */
export type ChallengeType = "http-01" | "tls-alpn-01";

/** What is to be answered while orders are under way; plain data, as it goes to every worker. */
export interface PendingChallenges {
  /** The text to answer with (RFC 8555, section 8.3), by token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** The certificate to show (RFC 8737, section 3), by name. */
  readonly certificates: Readonly<Record<string, IssuedCertificate>>;
}

/** Nothing that a CA may ask for. */
export const NO_CHALLENGES: PendingChallenges = { tokens: {}, certificates: {} };

/** The protocol by which a CA asks for a challenge's certificate (RFC 8737, section 4). */
export const ACME_PROTOCOL = "acme-tls/1";

/** Where tokens are asked for (RFC 8555, section 8.3). */
const PREFIX = "/.well-known/acme-challenge/";

/** The answer to a request for a pending token; undefined for every other path. */
export function tokenAnswer(path: string, { tokens }: PendingChallenges): string | undefined {
  if (!path.startsWith(PREFIX)) return undefined;
  const token = path.slice(PREFIX.length);
  return Object.hasOwn(tokens, token) ? tokens[token] : undefined;
}

/** Challenges that come and go; who serves is told of each change before a CA is. */
export class ChallengeBoard {
  readonly #publish: (challenges: PendingChallenges) => Promise<void>;
  #pending: PendingChallenges = NO_CHALLENGES;

  /** @param publish settles once every worker answers by what it was given */
  constructor(publish: (challenges: PendingChallenges) => Promise<void>) {
    this.#publish = publish;
  }

  get pending(): PendingChallenges {
    return this.#pending;
  }

  async put(challenges: PendingChallenges): Promise<void> {
    const { tokens, certificates } = this.#pending;
    await this.#replace({
      tokens: { ...tokens, ...challenges.tokens },
      certificates: { ...certificates, ...challenges.certificates },
    });
  }

  async remove({ tokens, certificates }: PendingChallenges): Promise<void> {
    await this.#replace({
      tokens: without(this.#pending.tokens, tokens),
      certificates: without(this.#pending.certificates, certificates),
    });
  }

  async #replace(pending: PendingChallenges): Promise<void> {
    this.#pending = pending;
    await this.#publish(pending);
  }
}

function without<T>(all: Readonly<Record<string, T>>, gone: Readonly<Record<string, T>>) {
  return Object.fromEntries(Object.entries(all).filter(([key]) => !Object.hasOwn(gone, key)));
}
