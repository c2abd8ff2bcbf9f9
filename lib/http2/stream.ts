import type { Priority } from "./priority.ts";
import type { Queued } from "./send_queue.ts";
import { outcomeOf, type StreamEvent, type StreamState } from "./stream_state.ts";
import { ReceiveWindow, SendWindow } from "./window.ts";

/** One exchange of messages on a connection (RFC 9113, section 5). */
export class Stream<Owner> implements Queued {
  readonly id: number;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
  /** Whoever the connection's user has it serve. */
  owner: Owner | undefined = undefined;
  state: StreamState = "idle";
  urgency: number;
  incremental: boolean;
  queued = false;
  /** Bytes of the body that `Content-Length` still promises; negative where nobody knows. */
  bodyLeft = UNKNOWN;
  /** Bytes of its frames, headers included, that have come, and that were sent. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Whether the message that comes may have a body, as far as is known by then. */
  expectsBody = true;
  /** Whether an answer of success makes it a tunnel, of any length. */
  asksTunnel = false;
  /** Whether the head of the message has come that is no 1xx answer. */
  hasHead = false;
  /** What waits to be sent, in its owner's buffer. */
  waiting: Uint8Array | undefined = undefined;
  from = 0;
  to = 0;
  /** Whether what waits is the last. */
  endsWaiting = false;

  constructor(id: number, windows: StreamWindows, priority: Priority) {
    this.id = id;
    this.sendWindow = new SendWindow(windows.send);
    this.receiveWindow = new ReceiveWindow(windows.receive, windows.maxReceive);
    this.urgency = priority.urgency;
    this.incremental = priority.incremental;
  }

  /** Takes an event that no fault can follow. @returns whether the state has changed */
  pass(event: StreamEvent): boolean {
    const outcome = outcomeOf(this.state, event);
    if (outcome === "ignored") return false;
    this.state = outcome as StreamState;
    return true;
  }
}

/** Bytes that a stream's windows have at first, and that the one for what comes may grow to. */
export interface StreamWindows {
  readonly send: number;
  readonly receive: number;
  readonly maxReceive: number;
}

/** No `Content-Length` says how long the body is. */
export const UNKNOWN = -1;
