/** Something new that is ready to come into force. One of the two ends it, and neither fails. */
export interface Staged {
  /** It is in force when this settles. */
  commit(): void | Promise<void>;
  /** All stays as it was. */
  drop(): void | Promise<void>;
}

/**
 * Makes several parts ready, one after the other. They come into force in the same order; where one
 * of them fails, those before it are dropped.
 *
 * @param prepare each makes its part ready, or throws
 */
export async function stageAll(
  prepare: readonly (() => Promise<Staged>)[],
): Promise<Staged> {
  const parts: Staged[] = [];
  const whole = {
    commit: async () => {
      for (const part of parts) await part.commit();
    },
    drop: async () => {
      for (const part of parts) await part.drop();
    },
  };
  try {
    for (const one of prepare) parts.push(await one());
    return whole;
  } catch (error) {
    await whole.drop();
    throw error;
  }
}
