/**
 * The states of a stream and what each event makes of them (RFC 9113, section 5.1), without those
 * of a pushed one: nobody pushes here.
 *
 * ```text
 *                          +--------+
 *                          |  idle  |
 *                          +--------+
 *                               | send H / recv H
 *                               v
 *                          +--------+
 *          recv ES |-------|  open  |-------| send ES
 *                  |       +--------+       |
 *                  v            |           v
 *          +--------------+     |     +--------------+
 *          | half closed  |     |     | half closed  |
 *          |   (remote)   |     |     |   (local)    |
 *          +--------------+     |     +--------------+
 *                  |            |           |
 *                  | send ES /  | send R /  | recv ES /
 *                  | send R /   | recv R    | send R /
 *                  | recv R     v           | recv R
 *                  |       +--------+       |
 *                  +------>| closed |<------+
 *                          +--------+
 *
 *    H: HEADERS (with CONTINUATION)   ES: END_STREAM   R: RST_STREAM
 * ```
 *
 * A closed stream keeps why it is: on one that we have reset the peer may not know it yet, on one
 * that ended it does.
 */
export type StreamState =
  | "idle"
  | "open"
  | "half_closed_local"
  | "half_closed_remote"
  /** Both sides have ended it, or the peer has reset it. */
  | "closed"
  /** We have reset it. */
  | "reset";

/** What is sent or comes on a stream and may change its state. */
export type StreamEvent =
  | "send_end"
  | "send_reset"
  | "receive_headers"
  | "receive_data"
  | "receive_end"
  | "receive_reset"
  | "receive_window_update";

/** What is wrong with an event in a state. */
export type StreamFault =
  /** A connection error PROTOCOL_ERROR: the frame is on a stream that is not there yet. */
  | "fault_idle"
  /** A stream error STREAM_CLOSED: the peer had ended its side. */
  | "fault_half_closed"
  /** A connection error STREAM_CLOSED: the peer knew that the stream was over. */
  | "fault_closed";

/** What an event leads to; `ignored` leaves the state as it is. */
export type Outcome = StreamState | StreamFault | "ignored";

const TABLE: Readonly<Record<StreamState, Readonly<Record<StreamEvent, Outcome>>>> = {
  idle: {
    send_end: "half_closed_local",
    send_reset: "reset",
    receive_headers: "open",
    receive_data: "fault_idle",
    receive_end: "half_closed_remote",
    receive_reset: "fault_idle",
    receive_window_update: "fault_idle",
  },
  open: {
    send_end: "half_closed_local",
    send_reset: "reset",
    receive_headers: "open",
    receive_data: "open",
    receive_end: "half_closed_remote",
    receive_reset: "closed",
    receive_window_update: "open",
  },
  half_closed_local: {
    send_end: "ignored",
    send_reset: "reset",
    receive_headers: "half_closed_local",
    receive_data: "half_closed_local",
    receive_end: "closed",
    receive_reset: "closed",
    receive_window_update: "half_closed_local",
  },
  half_closed_remote: {
    send_end: "closed",
    send_reset: "reset",
    receive_headers: "fault_half_closed",
    receive_data: "fault_half_closed",
    receive_end: "fault_half_closed",
    receive_reset: "closed",
    receive_window_update: "half_closed_remote",
  },
  closed: {
    send_end: "ignored",
    send_reset: "ignored",
    receive_headers: "fault_closed",
    receive_data: "fault_closed",
    receive_end: "fault_closed",
    receive_reset: "ignored",
    receive_window_update: "ignored",
  },
  reset: {
    send_end: "ignored",
    send_reset: "ignored",
    receive_headers: "ignored",
    receive_data: "ignored",
    receive_end: "ignored",
    receive_reset: "ignored",
    receive_window_update: "ignored",
  },
};

/** The state that an event leads to, or what it is instead (RFC 9113, section 5.1). */
export function outcomeOf(state: StreamState, event: StreamEvent): Outcome {
  return TABLE[state][event];
}

/** Whether a stream in this state is over. */
export function isOver(state: StreamState): boolean {
  return state === "closed" || state === "reset";
}

/** Whether we may still send on it. */
export function maySend(state: StreamState): boolean {
  return state === "open" || state === "half_closed_remote";
}

/** Whether the peer may still send on it. */
export function mayReceive(state: StreamState): boolean {
  return state === "open" || state === "half_closed_local";
}
