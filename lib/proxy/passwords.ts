import { createHmac, randomBytes } from "node:crypto";
import { putLast } from "../core/put_last.ts";
import { type Credentials, type PasswordHashes } from "../http/basic_auth.ts";

/** Whether a password is that of a bcrypt hash; it takes a core for a while, on another thread. */
export type PasswordCheck = (password: string, hash: string) => Promise<boolean>;

/** What came of credentials. */
export type PasswordVerdict = "right" | "wrong" | "busy";

/** Milliseconds for which credentials that were right are not checked again. */
const KEPT_MS = 5 * 60_000;
/** How many of those there may be. */
const MAX_KEPT = 1_000;
/** Checks that may wait at once, of all clients and of one. */
const MAX_WAITING = 64;
const MAX_WAITING_OF_ONE = 4;
/** bcrypt reads no more of a password. */
const MAX_BYTES = 72;

/**
 * Checks passwords so that a flood of wrong ones stalls nobody who is in already: what was right is
 * remembered (by a keyed digest, never as it is), and what waits to be checked is bounded, for each
 * client by itself.
 */
export class Passwords {
  readonly #check: PasswordCheck;
  readonly #key = randomBytes(32);
  /** Until when credentials are right, by their digest; oldest first. */
  readonly #right = new Map<string, number>();
  /** What is being checked, by its digest: who asks the same at once waits for the same verdict. */
  readonly #checks = new Map<string, Promise<PasswordVerdict>>();
  readonly #waiting = new Map<string, number>();

  constructor(check: PasswordCheck) {
    this.#check = check;
  }

  /** @param client who asks: many wrong ones of one client keep no other waiting */
  async verify(
    credentials: Credentials,
    hashes: PasswordHashes,
    client: string,
  ): Promise<PasswordVerdict> {
    const hash = hashes.get(credentials.user);
    const digest = this.#digest(credentials, hash);
    const until = this.#right.get(digest);
    if (until !== undefined && until > performance.now()) return "right";
    const underWay = this.#checks.get(digest);
    if (underWay !== undefined) return underWay;
    const mine = this.#waiting.get(client) ?? 0;
    if (this.#checks.size >= MAX_WAITING || mine >= MAX_WAITING_OF_ONE) return "busy";
    this.#waiting.set(client, mine + 1);
    const verdict = this.#ask(credentials, hash, anyOf(hashes));
    this.#checks.set(digest, verdict);
    try {
      if (await verdict === "right") this.#keep(digest);
      return await verdict;
    } finally {
      this.#checks.delete(digest);
      const left = (this.#waiting.get(client) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(client);
      else this.#waiting.set(client, left);
    }
  }

  /** @param another what the password of who is unknown is held to, which takes as long */
  async #ask(
    { password }: Credentials,
    hash: string | undefined,
    another: string,
  ): Promise<PasswordVerdict> {
    const right = await this.#check(password, hash ?? another);
    return right && hash !== undefined && !tooLong(password) ? "right" : "wrong";
  }

  #keep(digest: string): void {
    putLast(this.#right, [digest, performance.now() + KEPT_MS], MAX_KEPT);
  }

  #digest({ user, password }: Credentials, hash: string | undefined): string {
    const text = JSON.stringify([user, password, hash]);
    return createHmac("sha256", this.#key).update(text).digest("base64");
  }
}

/** A hash of the cost that the others have. */
function anyOf(hashes: PasswordHashes): string {
  const [first = ""] = hashes.values();
  return first;
}

/** What bcrypt would leave out must not be left open. */
function tooLong(password: string): boolean {
  return new TextEncoder().encode(password).length > MAX_BYTES;
}
