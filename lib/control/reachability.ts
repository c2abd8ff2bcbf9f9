import { type ChallengeBoard, NO_CHALLENGES } from "../acme/challenges.ts";

/** Milliseconds for a name to answer. */
const LOOK_MS = 5_000;

/**
 * Looks at names as a CA will (RFC 8555, section 8.3), with a token of its own, before the CA is
 * asked: a name that leads elsewhere then costs no failed authorization. Only what is certain speaks
 * against an order: another server's answer, and, at a public CA, a name that nobody knows. Whoever
 * cannot be reached from here may well be reached from there.
 *
 * @returns what stands against an order for these names; undefined where nothing does
 */
export async function objectionTo(
  names: readonly string[],
  { board, isPublic }: { board: ChallengeBoard; isPublic: boolean },
): Promise<string | undefined> {
  const token = `look-${crypto.randomUUID()}`;
  const answer = crypto.randomUUID();
  const probe = { ...NO_CHALLENGES, tokens: { [token]: answer } };
  await board.put(probe);
  try {
    for (const name of names) {
      const objection = await look(name, { token, answer, isPublic });
      if (objection !== undefined) return objection;
    }
    return undefined;
  } finally {
    await board.remove(probe);
  }
}

async function look(
  name: string,
  { token, answer, isPublic }: { token: string; answer: string; isPublic: boolean },
): Promise<string | undefined> {
  const url = `http://${name}/.well-known/acme-challenge/${token}`;
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(LOOK_MS),
    });
    if ((await beginningOf(response)).trim() === answer) return undefined;
    return `${name} leads to another server: ${url} gave ${response.status} and not our token`;
  } catch (error) {
    return isPublic && isUnknownName(error) ? `${name} has no address` : undefined;
  }
}

/** As much as a token can be: another server may give whatever there is. */
async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_ANSWER) break;
  }
  return text;
}

const MAX_ANSWER = 1024;

function isUnknownName(error: unknown): boolean {
  return error instanceof TypeError &&
    /dns error|failed to lookup address|Name or service not known/i.test(error.message);
}
