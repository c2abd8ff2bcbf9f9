import { isObject } from "../core/json_object.ts";

export type AcmeLibrary = typeof import("acme-client");

let library: Promise<AcmeLibrary> | undefined;

/**
 * The library that speaks ACME, with bounds and words of ours for what CAs answer. It is loaded when
 * it is asked for: it is of no use to those without ACME.
 */
export function acmeLibrary(): Promise<AcmeLibrary> {
  return library ??= load().catch((error) => {
    // the next time it may be there, where descriptors were short say
    library = undefined;
    throw error;
  });
}

/** Milliseconds that a CA has for each answer. */
export const ANSWER_MS = 30_000;

/** Bytes of an answer, which is kept whole in memory: far more than any chain has. */
const MAX_ANSWER = 1024 * 1024;

/** What a CA calls it that it does not know an account (RFC 8555, section 6.7). */
const ACCOUNT_UNKNOWN = "urn:ietf:params:acme:error:accountDoesNotExist";

/** The CA does not know who asks. */
export class AccountUnknown extends Error {
  override readonly name = "AccountUnknown";

  constructor(detail: unknown) {
    super(typeof detail === "string" ? detail : "the CA does not know the account");
  }
}

/** Whether what has failed is a request that got no answer. */
export function isUnanswered(error: unknown): boolean {
  if (!isObject(error)) return false;
  return error.isAxiosError === true ? error.response === undefined : isUnanswered(error.cause);
}

async function load(): Promise<AcmeLibrary> {
  const { default: acme } = await import("acme-client");
  const { defaults } = acme.axios;
  defaults.timeout = ANSWER_MS;
  defaults.maxContentLength = MAX_ANSWER;
  defaults.proxy = false;
  // its own have no words for an answer that never came, and wait for as long as a CA says: pauses
  // are ours, which outlast a restart, and no other order waits for them
  const { response } = acme.axios.interceptors;
  response.clear();
  response.use(null, (error: HttpError) => answerOf(error, acme.axios));
  const ofItself = [defaults.transformResponse ?? []].flat();
  defaults.transformResponse = [...ofItself, (body) => {
    // the library keeps the words of a problem alone
    if (isObject(body) && body.type === ACCOUNT_UNKNOWN) throw new AccountUnknown(body.detail);
    return body;
  }];
  return acme;
}

type HttpClient = AcmeLibrary["axios"];

interface HttpAnswer {
  readonly status: number;
}

/** What the library's client says of a request: every answer is an error to it at first. */
interface HttpError {
  readonly response?: HttpAnswer;
  readonly config?: Parameters<HttpClient["request"]>[0] & { isAgain?: boolean };
  readonly code?: string;
}

/** The answer, whatever its status, for who asked; of a CA that has stumbled the second one. */
async function answerOf(error: HttpError, client: HttpClient): Promise<HttpAnswer> {
  const { response, config, code } = error;
  const hasStumbled = response === undefined ? code !== "ECONNABORTED" : response.status >= 500;
  if (config !== undefined && config.isAgain !== true && hasStumbled) {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return await client.request<unknown, HttpAnswer>(Object.assign(config, { isAgain: true }));
  }
  if (response === undefined) throw error;
  return response;
}

/** Milliseconds. */
const AGAIN_MS = 1_000;
