import { setImmediate } from "node:timers";

/**
 * In each turn of its event loop the runtime completes 128 of the operations that are ready, the
 * ones that became so last first. Where as many become ready meanwhile, those that are left over
 * wait for as long as that goes on: with 500 busy connections that was seconds, and connecting to a
 * server ran into its timeout. So a bounded number is begun in a turn, and the rest wait in order.
 */
const STARTS_A_TURN = 64;
/** The same where more wait than the runtime completes in a turn: those behind have to catch up. */
const STARTS_IN_A_CROWD = 32;
const CROWD = 128;

/** How many sockets may be busy before any has to wait: about what the runtime completes in a turn. */
const BUSY_SOCKETS = 200;
/** Reads among which busy sockets are counted. */
const WINDOW = 1024;

// Of this thread: it has one event loop.
let reads = 0;
/** Counts windows, from 1. */
let window = 1;
/** How many sockets were read in this window so far, and in the one before. */
let busy = 0;
let busyBefore = 0;

/** One socket that is read again and again. Only in a crowd it has to wait for its turn. */
export class TurnTaker {
  /** The last window in which it was read. */
  #window = 0;

  /** Calls `start`, which begins a read: at once, or where many sockets are busy in its turn. */
  take(start: () => void): void {
    if (this.#window !== window) {
      this.#window = window;
      busy++;
    }
    if (++reads === WINDOW) {
      reads = 0;
      window++;
      busyBefore = busy;
      busy = 0;
    }
    if (busy <= BUSY_SOCKETS && busyBefore <= BUSY_SOCKETS) start();
    else inTurn(start);
  }
}

let left = STARTS_A_TURN;
let waiting: (() => void)[] = [];
let scheduled = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Calls `start`, which begins a read or the like: at once, or in its turn where there are many. */
export function inTurn(start: () => void): void {
  if (left > 0) {
    left--;
    return start();
  }
  waiting.push(start);
  if (scheduled) return;
  scheduled = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  scheduled = false;
  clearTimeout(timer);
  const turn = waiting;
  const starts = turn.length > CROWD ? STARTS_IN_A_CROWD : STARTS_A_TURN;
  waiting = turn.splice(starts);
  left = starts - turn.length;
  // most often what is begun here calls for the next turn; an immediate here would be in this one
  if (waiting.length > 0) timer = setTimeout(nextTurn, 0);
  for (const start of turn) start();
}
