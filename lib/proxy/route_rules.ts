import type { AddressSet } from "../core/address_set.ts";
import { type ErrorCode, ProxyError } from "../core/errors.ts";
import { clientKey } from "../core/client_key.ts";
import { type Rate, rateClock, type RateTable } from "../core/rate_table.ts";
import { parseBasic, type PasswordHashes } from "../http/basic_auth.ts";
import type { FieldChanger, HostMaker } from "../http/field_rules.ts";
import type { RequestFacts } from "../http/message.ts";
import type { Compressor } from "./compressor.ts";
import type { Passwords } from "./passwords.ts";

/** What a route asks of requests and makes of them, beside where it sends them. */
export interface RouteRules {
  /** Who may not, and who alone may; undefined for nobody and for everybody. */
  readonly deny: AddressSet | undefined;
  readonly allow: AddressSet | undefined;
  readonly rate: { readonly name: string; readonly rate: Rate } | undefined;
  readonly login: { readonly hashes: PasswordHashes; readonly realm: string } | undefined;
  /** Taken off the path. */
  readonly stripPrefix: string | undefined;
  /** What the server gets as `Host`; undefined for that of the request. */
  readonly host: HostMaker | undefined;
  readonly requestFields: FieldChanger | undefined;
  readonly answerFields: FieldChanger | undefined;
  /** Whether its answers are compressed for who takes that. */
  readonly compress: boolean;
}

/** What rules are judged and carried out with. */
export interface RuleServices {
  readonly rates: RateTable;
  readonly passwords: Passwords;
  readonly compressor: Compressor;
}

/** Why a request is not served, and the rule that says so. */
export class RuleRefusal extends ProxyError {
  readonly rule: string;
  /** Seconds after which it may be worth asking again. */
  readonly retryAfter: number | undefined;
  /** What the client is asked to prove itself by (RFC 9110, section 11.6.1). */
  readonly challenge: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    { rule, retryAfter, challenge }: {
      rule: string;
      retryAfter?: number | undefined;
      challenge?: string | undefined;
    },
  ) {
    super(code, message);
    this.rule = rule;
    this.retryAfter = retryAfter;
    this.challenge = challenge;
  }
}

/**
 * Asks the rules of a route, the cheapest first, in an order that operators can rely on: deny, allow,
 * rate_limit, basic_auth. Only a password makes one wait.
 *
 * @param client its address, as far as proxies in front are believed
 * @throws {RuleRefusal} at once, or by the promise
 */
export function judge(
  rules: RouteRules,
  { request, client }: { request: Pick<RequestFacts, "values">; client: string },
  services: RuleServices,
): void | Promise<void> {
  if (rules.deny?.has(client)) throw forbidden("deny");
  if (rules.allow !== undefined && !rules.allow.has(client)) throw forbidden("allow");
  if (rules.rate !== undefined) takeToken(rules.rate, client, services.rates);
  if (rules.login !== undefined) return askPassword(rules.login, { request, client }, services);
}

function forbidden(rule: string): RuleRefusal {
  return new RuleRefusal("forbidden", "This address may not use this", { rule });
}

function takeToken(
  { name, rate }: NonNullable<RouteRules["rate"]>,
  client: string,
  rates: RateTable,
): void {
  const wait = rates.take(`${name} ${clientKey(client)}`, rate, rateClock());
  if (wait === 0) return;
  throw new RuleRefusal("rate_limited", "Too many requests; ask again later", {
    rule: "rate_limit",
    retryAfter: Math.max(1, Math.ceil(wait / 1000)),
  });
}

async function askPassword(
  { hashes, realm }: NonNullable<RouteRules["login"]>,
  { request, client }: { request: Pick<RequestFacts, "values">; client: string },
  { passwords }: RuleServices,
): Promise<void> {
  const [value, ...more] = request.values("authorization");
  const credentials = value === undefined || more.length > 0 ? undefined : parseBasic(value);
  const verdict = credentials === undefined
    ? "wrong"
    : await passwords.verify(credentials, hashes, clientKey(client));
  switch (verdict) {
    case "right":
      return;
    case "busy":
      throw new RuleRefusal("overloaded", "Too many passwords are being checked", {
        rule: "basic_auth",
        retryAfter: 1,
      });
    case "wrong":
      throw new RuleRefusal("unauthorized", "This takes a user and a password", {
        rule: "basic_auth",
        challenge: `Basic realm="${realm}", charset="UTF-8"`,
      });
  }
}
