import { isSameBytes } from "../core/bytes.ts";

/** What a secret is made of. */
export type Secret = Uint8Array<ArrayBuffer>;

/** Sets of a secret: the one in use, and those that are taken as well. */
export type SecretSets = readonly [inUse: Secret, ...alsoTaken: Secret[]];

/** A secret and its turns, as every replica knows them. */
export interface SecretTurn {
  readonly inUse: Secret;
  /** What was in use until the last turn; undefined before the first. */
  readonly before: Secret | undefined;
  /** What will be in use from the next turn on: known to all ahead of it, so all take it already. */
  readonly next: Secret;
}

/** What a secret begins as, where nobody shares it yet. */
export function firstTurn(bytes: number): SecretTurn {
  return { inUse: newSecret(bytes), before: undefined, next: newSecret(bytes) };
}

/** A turn without the others: they know the next set as well, and do the same. */
export function turned({ inUse, next }: SecretTurn): SecretTurn {
  return { inUse: next, before: inUse, next: newSecret(inUse.length) };
}

/** What is used and taken at this turn. */
export function setsOf({ inUse, before, next }: SecretTurn): SecretSets {
  return before === undefined ? [inUse, next] : [inUse, next, before];
}

/**
 * What was used here and is not among what is shared now, as where Redis was away for long; undefined
 * where one is the other, or follows it.
 */
export function leftBehind(old: SecretTurn, now: SecretTurn): Secret | undefined {
  const isKnown = setsOf(now).some((one) => isSame(one, old.inUse));
  return isKnown ? undefined : old.inUse;
}

/** A secret of so many random bytes. */
export function newSecret(bytes: number): Secret {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** Whether two turns have the same secrets, each in the same place. */
export function isSameTurn(a: SecretTurn, b: SecretTurn): boolean {
  return isSame(a.inUse, b.inUse) && isSame(a.before, b.before) && isSame(a.next, b.next);
}

function isSame(a: Secret | undefined, b: Secret | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return isSameBytes(a, b);
}

/** The answer of `SECRET_SCRIPT`; undefined where it is none. */
export function parseTurn(
  answer: unknown,
  bytes: number,
): { turn: SecretTurn; left: number } | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [inUse, before, next, left] = answer;
  const turn = {
    inUse: parseSecret(inUse, bytes),
    before: parseSecret(before, bytes),
    next: parseSecret(next, bytes),
  };
  if (turn.inUse === undefined || turn.next === undefined) return undefined;
  return { turn: turn as SecretTurn, left: Number(left) };
}

function parseSecret(text: unknown, bytes: number): Secret | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const secret = Uint8Array.fromBase64(text);
    return secret.length === bytes ? secret : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Gives the secret as it is, having turned it where it was time, by Redis's clock alone. Where there
 * is none, or one that is too old to be in use, what this replica has is taken for all: what was lost
 * by Redis is back with the first that comes. Nothing comes between two lines of a script, so of
 * several that ask at once one turns it.
 *
 * KEYS: the secret, the channel that tells of a turn. ARGV: milliseconds from turn to turn (0 for a
 * secret that stays), a new secret, what this replica has (in use, before or "", next), and the
 * milliseconds since it turned. Answers with the three, and the milliseconds until the next turn.
 */
export const SECRET_SCRIPT = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local period, fresh, own = tonumber(ARGV[1]), ARGV[2], { ARGV[3], ARGV[4], ARGV[5] }
local there = redis.call("HMGET", KEYS[1], "turned", "in_use", "before", "next")
local turned = tonumber(there[1] or "")
local secret = { there[2], there[3], there[4] }
local isWhole = turned and secret[1] and secret[2] and secret[3] and
  #secret[1] == #fresh and #secret[3] == #fresh
local isNew = true
if not isWhole or (period > 0 and now - turned >= 2 * period) then
  turned, secret = now - tonumber(ARGV[6]), own
elseif period > 0 and now - turned >= period then
  turned, secret = turned + period, { secret[3], secret[1], fresh }
else
  isNew = false
  -- the clock of Redis was set back
  if turned > now then turned = now end
end
redis.call("HSET", KEYS[1], "turned", string.format("%.0f", turned),
  "in_use", secret[1], "before", secret[2], "next", secret[3])
if period > 0 then redis.call("PEXPIRE", KEYS[1], 3 * period) end
if isNew then redis.call("PUBLISH", KEYS[2], "") end
return { secret[1], secret[2], secret[3], turned + period - now }
`;
