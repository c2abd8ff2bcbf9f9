import type { Client, Order } from "acme-client";
import { messageOf } from "../core/errors.ts";
import {
  AccountUnknown,
  type AcmeLibrary,
  acmeLibrary,
  ANSWER_MS,
  isUnanswered,
} from "./acme_library.ts";
import type { ChallengeBoard, ChallengeType, PendingChallenges } from "./challenges.ts";
import { NO_CHALLENGES } from "./challenges.ts";
import { parseRenewalInfo, type RenewalWindow } from "./renewal.ts";
import type { Account, IssuedCertificate, PlacedOrder } from "./keeper.ts";

/** Whom to ask for certificates, and as whom. */
export interface AuthorityOptions {
  /** URL of the directory (RFC 8555, section 7.1.1). */
  readonly directory: string;
  readonly email: string | undefined;
  readonly keyType: "ecdsa" | "rsa";
  /** PEM of the CA that the directory's own certificate is from; undefined for the system's. */
  readonly ca: string | undefined;
  /** External account binding (RFC 8555, section 7.3.4). */
  readonly binding: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** What to get. */
export interface CertificateOrder {
  /** The first is what it is called. */
  readonly names: readonly string[];
  /** What is answered here; the CA's first offer among them is taken. */
  readonly challenges: readonly ChallengeType[];
  /** What the CA calls the certificate that this one replaces (RFC 9773, section 5). */
  readonly replaces: string | undefined;
}

/** Where an order is remembered until it is over. */
export interface OrderMemory {
  /** One that was not seen to its end, be it by another process. */
  readonly open: PlacedOrder | undefined;
  /** Called once the CA has it, and ahead of all that follows. */
  readonly placed: (order: PlacedOrder) => Promise<void>;
}

/** An order that a CA has refused, or could not be asked. */
export class OrderError extends Error {
  override readonly name = "OrderError";
  /** Whether the CA could not be asked at all: then nothing of its limits was used up. */
  readonly unreachable: boolean;

  constructor(message: string, { unreachable, ...of }: { cause?: unknown; unreachable: boolean }) {
    super(message, of);
    this.unreachable = unreachable;
  }
}

/** Milliseconds for which a CA that has not answered is not asked when it would have renewals. */
const SILENT_MS = 60_000;

/** Times in a row that a CA may refuse a nonce (RFC 8555, section 6.5) before an order fails by it. */
const NONCE_TRIES = 20;

/** A certification authority that speaks ACME (RFC 8555). */
export class Authority {
  readonly #options: AuthorityOptions;
  #account: Account;
  #client: Client;
  /** When the CA did not answer last, on the clock of `performance.now()`. */
  #silent = -Infinity;
  readonly #acme: AcmeLibrary;

  private constructor(
    acme: AcmeLibrary,
    { options, account }: { options: AuthorityOptions; account: Account },
  ) {
    this.#acme = acme;
    this.#options = options;
    this.#account = account;
    this.#client = this.#connect();
  }

  #connect(): Client {
    const { directory, binding } = this.#options;
    const { key, url } = this.#account;
    const client = new this.#acme.Client({
      directoryUrl: directory,
      accountKey: key,
      ...(url === undefined ? {} : { accountUrl: url }),
      ...(binding === undefined ? {} : { externalAccountBinding: binding }),
      backoffAttempts: 12,
      backoffMin: 500,
      backoffMax: 10_000,
    });
    // five by default, and its types do not know it
    const { http } = client as unknown as { http: { maxBadNonceRetries: number } };
    http.maxBadNonceRetries = NONCE_TRIES;
    return client;
  }

  /**
   * The CA for an account; where there is none yet it gets a key, and `register` makes it.
   */
  static async open(options: AuthorityOptions, account: Account | undefined): Promise<Authority> {
    const acme = await acmeLibrary();
    const { Agent } = await import("node:https");
    const { ca } = options;
    // the library has one for all: that of another configuration goes as well
    acme.axios.defaults.httpsAgent = ca === undefined ? undefined : new Agent({ ca });
    const known = account ?? {
      key: (await acme.crypto.createPrivateEcdsaKey()).toString(),
      url: undefined,
    };
    return new Authority(acme, { options, account: known });
  }

  /** As whom it is asked. */
  get account(): Account {
    return this.#account;
  }

  /**
   * The account, which the CA has by then, with the address of mail that is configured.
   *
   * @throws {OrderError}
   */
  async register(): Promise<Account> {
    const { email } = this.#options;
    const { key, url, email: told } = this.#account;
    if (url !== undefined && told === email) return this.#account;
    return await this.#told(async () => {
      // of an account that the CA has it changes what is said here
      await this.#client.createAccount({
        termsOfServiceAgreed: true,
        ...(url === undefined && email === undefined ? {} : { contact: contactOf(email) }),
      });
      const account = { key, url: this.#client.getAccountUrl() };
      return this.#account = email === undefined ? account : { ...account, email };
    });
  }

  /**
   * Gets a certificate; its challenges are on the board while the CA looks. An order that is open is
   * taken up where the CA still has it.
   *
   * @throws {OrderError}
   */
  async order(
    order: CertificateOrder,
    { board, memory }: { board: ChallengeBoard; memory: OrderMemory },
  ): Promise<IssuedCertificate> {
    return await this.#told(async () => {
      const { placed, key } = await this.#resume(order, memory.open) ??
        await this.#place(order, memory);
      if (placed.status === "pending") await this.#prove(placed, order, board);
      const finalized = placed.status === "pending" || placed.status === "ready"
        ? await this.#finalize(placed, { order, key })
        : placed;
      return { chain: await this.#client.getCertificate(finalized), key };
    });
  }

  async #place({ names, replaces }: CertificateOrder, { placed: remember }: OrderMemory) {
    const { createPrivateEcdsaKey, createPrivateRsaKey } = this.#acme.crypto;
    const made = this.#options.keyType === "rsa"
      ? await createPrivateRsaKey(2048)
      : await createPrivateEcdsaKey();
    const key = made.toString();
    const identifiers = names.map((value) => ({ type: "dns", value }));
    const placed = await this.#replace(identifiers, replaces) ??
      await this.#client.createOrder({ identifiers });
    await remember({ directory: this.#options.directory, url: placed.url, names, key });
    return { placed, key };
  }

  /**
   * An order in the place of a certificate, as far as the CA lets it be: of one that is another
   * CA's, or another account's, it refuses that (RFC 9773, section 5).
   *
   * @returns undefined where it does not
   */
  async #replace(identifiers: Order["identifiers"], replaces: string | undefined) {
    if (replaces === undefined) return undefined;
    try {
      const request = { identifiers, replaces };
      return await this.#client.createOrder(request);
    } catch {
      // what stands against the order itself is told where it is asked for alone
      return undefined;
    }
  }

  /** @returns undefined where there is nothing that can be taken up */
  async #resume({ names }: CertificateOrder, open: PlacedOrder | undefined) {
    if (open === undefined || open.directory !== this.#options.directory) return undefined;
    if (JSON.stringify(open.names) !== JSON.stringify(names)) return undefined;
    try {
      // all but its URL is asked for
      const placed = await this.#client.getOrder({ url: open.url } as Order);
      return placed.status === "invalid" ? undefined : { placed, key: open.key };
    } catch (error) {
      // it has forgotten it, or it is another account's
      if (!isUnanswered(error) && await this.#trouble() === undefined) return undefined;
      throw error;
    }
  }

  async #finalize(placed: Order, { order, key }: { order: CertificateOrder; key: string }) {
    const [, csr] = await this.#acme.crypto.createCsr({ altNames: [...order.names] }, key);
    return await this.#client.finalizeOrder(placed, csr);
  }

  /** When the CA would have a certificate renewed; undefined where it does not say. */
  async renewalWindow(identifier: string): Promise<RenewalWindow | undefined> {
    // each of many certificates would wait for it in turn
    if (performance.now() - this.#silent < SILENT_MS) return undefined;
    try {
      const { axios } = this.#acme;
      const directory: unknown = (await axios.get(this.#options.directory)).data;
      const url = typeof directory === "object" && directory !== null && "renewalInfo" in directory
        ? String(directory.renewalInfo)
        : undefined;
      if (url === undefined) return undefined;
      return parseRenewalInfo((await axios.get(`${url}/${identifier}`)).data);
    } catch {
      this.#silent = performance.now();
      // then it is renewed by its own dates
      return undefined;
    }
  }

  /** @throws {OrderError} what has failed, in one line */
  async #told<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof AccountUnknown) this.#forgetAccount();
      // what was wrong with the order is of no interest where nobody answers any more
      const trouble = await this.#trouble() ?? (isUnanswered(error) ? messageOf(error) : undefined);
      const words = trouble === undefined
        ? messageOf(error)
        : `the CA cannot be reached: ${trouble}`;
      throw new OrderError(words.replaceAll(/\s+/g, " ").slice(0, MAX_REASON), {
        cause: error,
        unreachable: trouble !== undefined,
      });
    }
  }

  /** The CA has lost it, as one that was set up anew: the next `register` makes it, by its key. */
  #forgetAccount(): void {
    this.#account = { key: this.#account.key, url: undefined };
    this.#client = this.#connect();
  }

  /** Why the CA does not give its directory; undefined where it does. */
  async #trouble(): Promise<string | undefined> {
    const { ca, directory } = this.#options;
    using client = Deno.createHttpClient({ caCerts: ca === undefined ? [] : [ca] });
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const answer = await fetch(directory, { client, signal });
      await answer.body?.cancel();
      return answer.ok ? undefined : `it answers ${answer.status}`;
    } catch (error) {
      return messageOf(error instanceof Error && error.cause ? error.cause : error);
    }
  }

  async #prove(
    placed: Order,
    { challenges }: CertificateOrder,
    board: ChallengeBoard,
  ): Promise<void> {
    for (const url of placed.authorizations ?? []) {
      const authorization = await this.#authorization(url);
      if (authorization === undefined || authorization.status === "valid") continue;
      const name = authorization.identifier.value;
      const challenge = challenges
        .map((type) => authorization.challenges.find((offered) => offered.type === type))
        .find((offered) => offered !== undefined);
      if (challenge === undefined) {
        const offers = authorization.challenges.map(({ type }) => type).join(", ");
        throw new Error(`the CA offers ${offers} for ${name}, none of which can be answered here`);
      }
      const answer = await this.#client.getChallengeKeyAuthorization(challenge);
      const pending = await this.#pending(challenge.type, {
        name,
        token: challenge.token,
        answer,
        authorization,
      });
      await board.put(pending);
      try {
        // of an order that was taken up the CA may be at it already
        if (challenge.status === "pending") await this.#client.completeChallenge(challenge);
        await this.#client.waitForValidStatus(authorization);
      } catch (error) {
        throw new Error(await this.#refusal(authorization.url, name) ?? messageOf(error), {
          cause: error,
        });
      } finally {
        await board.remove(pending);
      }
    }
  }

  async #pending(
    type: string,
    { name, token, answer, authorization }: {
      name: string;
      token: string;
      answer: string;
      authorization: Parameters<AcmeLibrary["crypto"]["createAlpnCertificate"]>[0];
    },
  ): Promise<PendingChallenges> {
    if (type === "http-01") return { ...NO_CHALLENGES, tokens: { [token]: answer } };
    const [key, chain] = await this.#acme.crypto.createAlpnCertificate(authorization, answer);
    const certificate = { chain: chain.toString(), key: key.toString() };
    return { ...NO_CHALLENGES, certificates: { [name]: certificate } };
  }

  /** One at a time: all at once, a connection each, would be as many as the CA likes to name. */
  async #authorization(url: string) {
    const [authorization] = await this.#client.getAuthorizations(
      { authorizations: [url] } as unknown as Order,
    );
    return authorization;
  }

  /** The CA's own words on why an authorization has failed. */
  async #refusal(url: string, name: string): Promise<string | undefined> {
    try {
      const failed = (await this.#authorization(url))?.challenges
        .find((challenge) => "error" in challenge && challenge.error !== undefined);
      const { detail } = (failed as { error?: { detail?: unknown } } | undefined)?.error ?? {};
      return typeof detail === "string" ? `${name}: ${detail}` : undefined;
    } catch {
      return undefined;
    }
  }
}

function contactOf(email: string | undefined): string[] {
  return email === undefined ? [] : [`mailto:${email}`];
}

/** The most that is told of why an order has failed. */
const MAX_REASON = 500;
