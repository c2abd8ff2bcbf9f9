import { setImmediate } from "node:timers";

/** Bytes that may be sent in a turn, or read, before those who do more wait for others. */
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

// Of this thread: it has one event loop.
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
