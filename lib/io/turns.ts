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

/** How much may be sent in a turn, or read, before those who do more wait for others. */
const SENT_A_TURN = 64 * 1024;
const READ_A_TURN = 128 * 1024;
/** The same of requests that have come together with the one before. */
const REQUESTS_A_TURN = 8;
/** How many turns they wait: the runtime asks what else has come by the turn, not by the clock. */
const TURNS_OF_OTHERS = 2;
/** Milliseconds: where so little that was not sent took longer, turns are long. */
const LONG_TURN_MS = 2;
/** Pieces so small are no matter: many of them are as many others who have their turn. */
const SMALL_BYTES = 16 * 1024;

let sent = 0;
let read = 0;
let requests = 0;
let patient: (() => void)[] = [];
let turnsLeft = 0;
/** When those that waited last went on, as `performance.now()` has it. */
let wentOnAt = 0;

/**
 * Calls `goOn`, behind so many bytes that were sent: at once, or some turns later where much was.
 * Reads of bytes at hand and writes that the system takes are over at once, so large bodies would
 * go on within one turn for as long as 128 operations take, and only each 61st turn the runtime asks
 * what else has come: a small answer amid eight large ones took 30 ms.
 */
export function afterSending(bytes: number, goOn: () => void): void {
  if (bytes < SMALL_BYTES) return goOn();
  sent += bytes;
  if (sent < SENT_A_TURN) goOn();
  else behindOthers(goOn);
}

/**
 * The same behind so many bytes that were read, which may be much work and little to send: one body
 * in chunks of a byte kept all others waiting for seconds.
 */
export function afterReading(bytes: number, goOn: () => void): void {
  if (bytes < SMALL_BYTES) return goOn();
  read += bytes;
  if (read < READ_A_TURN) goOn();
  else behindOthers(goOn);
}

/**
 * The same behind a request that another has come with: thousands of them that are answered here
 * would be one turn after the other.
 */
export function afterRequest(goOn: () => void): void {
  if (++requests <= REQUESTS_A_TURN) goOn();
  else behindOthers(goOn);
}

/** Calls `goOn` once others have had their turn: what came before it was much work. */
export function behindOthers(goOn: () => void): void {
  if (patient.length === 0) {
    turnsLeft = TURNS_OF_OTHERS;
    const isWork = sent < SENT_A_TURN && performance.now() - wentOnAt > LONG_TURN_MS;
    // behind a timer there is a moment with nothing to do, in which the runtime asks what has come
    if (isWork) setTimeout(goOnAll, 0);
    else setImmediate(goOnBehind);
  }
  patient.push(goOn);
}

function goOnBehind(): void {
  if (--turnsLeft > 0) setImmediate(goOnBehind);
  else goOnAll();
}

function goOnAll(): void {
  wentOnAt = performance.now();
  sent = read = requests = 0;
  const turn = patient;
  patient = [];
  for (const goOn of turn) goOn();
}
