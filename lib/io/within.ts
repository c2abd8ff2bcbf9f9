/**
 * What a promise comes to, or what `late` gives or throws where that takes longer than so many
 * milliseconds; what the promise comes to after that is nobody's.
 */
export async function within<T, L>(
  promise: Promise<T>,
  ms: number,
  late: () => L,
): Promise<T | L> {
  // a timer takes it for no time at all
  if (ms === Infinity) return await promise;
  const { promise: over, resolve } = Promise.withResolvers<typeof OVER>();
  const timer = setTimeout(() => resolve(OVER), ms);
  try {
    const first = await Promise.race([promise, over]);
    return first === OVER ? late() : first;
  } finally {
    clearTimeout(timer);
  }
}

const OVER = Symbol("over");
