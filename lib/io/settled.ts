/**
 * Calls back once what the runtime had finished by now has been told to those who wait for it: a
 * promise of an operation is settled a few turns of the microtask queue later.
 */
export function whenSettled(callback: () => void): void {
  let turns = SETTLE_TURNS;
  const turn = (): void => {
    if (turns-- === 0) callback();
    else NOW.then(turn);
  };
  NOW.then(turn);
}

const SETTLE_TURNS = 4;
const NOW = Promise.resolve();
