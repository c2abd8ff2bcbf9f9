/** Milliseconds before the next address is tried beside the last (RFC 8305, section 5). */
const ATTEMPT_DELAY_MS = 250;

/** An address a name has. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * The order to try addresses in: families in turn, beginning with that of the first, and each in
 * the order given (RFC 8305, section 4).
 */
export function interleaveFamilies(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const first = addresses[0]?.family;
  const own = addresses.filter(({ family }) => family === first);
  const other = addresses.filter(({ family }) => family !== first);
  return own.flatMap((address, i) => [address, ...other.slice(i, i + 1)])
    .concat(other.slice(own.length));
}

/** Whom to try, in order, and how. */
export interface RaceOptions<Target, Won> {
  readonly targets: readonly Target[];
  /** Tries one; it must heed the signal. */
  readonly connect: (target: Target, signal: AbortSignal) => Promise<Won>;
  /** Frees what was won too late. */
  readonly discard: (won: Won) => void;
  readonly signal: AbortSignal;
  /** Milliseconds; for tests. */
  readonly delay?: number;
}

/**
 * Tries one after the other, each begun when the one before has failed or has taken a while, and
 * takes the first that succeeds (RFC 8305, section 5).
 *
 * @throws the first failure, when all have failed
 */
export async function race<Target, Won>(options: RaceOptions<Target, Won>): Promise<Won> {
  const { targets, connect, discard, signal, delay = ATTEMPT_DELAY_MS } = options;
  if (targets.length === 0) throw new TypeError("There is no address to try");
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const failures: unknown[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let next = 0;
  try {
    return await new Promise<Won>((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        const target = targets[next++];
        if (target === undefined || stop.aborted) return;
        timer = setTimeout(begin, delay);
        connect(target, stop).then(
          (won) => over.signal.aborted ? discard(won) : (over.abort(), resolve(won)),
          (error) => {
            failures.push(error);
            if (failures.length === targets.length || signal.aborted) reject(failures[0]);
            else if (!over.signal.aborted) begin();
          },
        );
      };
      begin();
    });
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
