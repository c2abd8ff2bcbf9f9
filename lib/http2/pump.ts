import type { Connection, Receiver, Sender } from "../io/connection.ts";
import { NO_BYTES } from "../io/buffer_pool.ts";
import { ReadBuffer } from "../io/read_buffer.ts";
import { ShortWait } from "../io/short_wait.ts";
import { behindOthers } from "../io/turns.ts";
import { giveOutput, type Output } from "./frame_writer.ts";

/** Bytes to read into while little comes: what an idle connection costs. */
const SMALL_BYTES = 4 * 1024;
/** Output beyond which nothing is read from a peer, who may not read what it is sent. */
const MAX_OUTPUT_BYTES = 96 * 1024;

/** Turns of the microtask queue that a read with bytes at hand takes in this runtime, and some more. */
const LOOK_TURNS = 8;

/** How many streams go on before it is looked how long that took. */
const LOOKED_AT_ONCE = 4;
/** Milliseconds of that, behind which the other streams wait: small heads may be much work. */
const LONG_MS = 4;

/** What a pump feeds, and takes output of: a connection without I/O. */
export interface Pumped {
  feed(bytes: Uint8Array): void;
  takeOutput(): Output | undefined;
  /** Bytes of output that wait to be taken. */
  readonly outputBytes: number;
  /** Whether a body may go on. */
  readonly expectsBody: boolean;
}

/** What is to be done once all that has come is read. */
export interface Proceeding {
  proceed(): void;
}

/** Who has a pump. */
export interface PumpUser {
  /** What has come is read and dealt with, and what there is to be sent goes next. */
  fed?(): void;
  /** It was looked for output, and what there was is being sent. @param sending whether there was any */
  flushed?(sending: boolean): void;
  /** The peer has half-closed. */
  peerEnded(): void;
  receiveFailed(error: Error): void;
  /** What the peer has sent before may be on its way yet. */
  sendFailed(error: Error): void;
  /** What goes wrong in reading what has come. */
  onBug(reason: unknown): void;
}

/**
 * Moves bytes between a socket and a connection of HTTP/2: what comes is fed to it, what is to be said
 * in one turn goes in one write, and a peer that does not read is not read from.
 */
export class Pump implements Receiver, Sender {
  /** Whether the peer has half-closed. */
  hasEnded = false;
  /** Whether what has come is being read. */
  isFeeding = false;
  readonly #socket: Connection;
  readonly #user: PumpUser;
  #pumped: Pumped = NOTHING;
  /** What is being read into. */
  readonly #buffer = new ReadBuffer(SMALL_BYTES);
  #reading = false;
  readonly #ready: Proceeding[] = [];
  /** Whether those let others have their turn first. */
  #isPatient = false;
  /** Whether it will be looked for output at the end of this turn. */
  #flushes = false;
  /** What is being written. */
  #output: Output | undefined;
  #stopped = false;
  /** Made for the first look. */
  #look: ShortWait | undefined;

  constructor(socket: Connection, user: PumpUser) {
    this.#socket = socket;
    this.#user = user;
  }

  /** Begins to read. */
  start(pumped: Pumped): void {
    this.#pumped = pumped;
    this.receive();
  }

  /**
   * Nothing is read and written any more; closing the socket is left to others. What has come whole
   * before still goes on.
   */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether something is on its way to the peer. */
  get isWriting(): boolean {
    return this.#output !== undefined;
  }

  /** Something is to be done once all that has come is read. */
  ready(stream: Proceeding): void {
    this.#ready.push(stream);
    // a stream that is told of by nobody who reads has nobody else to wait for
    if (!this.isFeeding) queueMicrotask(this.#proceed);
  }

  /** There may be output, which goes at the end of this turn. */
  flushSoon(): void {
    if (this.#flushes || this.#output !== undefined || this.isFeeding || this.#stopped) return;
    this.#flushes = true;
    queueMicrotask(this.#flushLater);
  }

  /** Sends what there is, unless something is on its way. */
  flush(): void {
    if (this.#output !== undefined || this.#stopped) return;
    const output = this.#output = this.#pumped.takeOutput();
    this.#user.flushed?.(output !== undefined);
    if (output !== undefined) this.#socket.send(output, this);
  }

  /** Asks for more, where the peer reads. @param isBusy whether much is to be expected */
  receive(isBusy = false): void {
    if (this.#reading || this.hasEnded || this.#stopped) return;
    if (this.#pumped.outputBytes > MAX_OUTPUT_BYTES) return;
    this.#reading = true;
    this.#socket.receive(this.#buffer.take(isBusy), this);
  }

  received(count: number): void {
    this.#reading = false;
    if (this.#stopped) return this.#giveBuffer();
    if (count === 0) {
      this.#giveBuffer();
      this.hasEnded = true;
      return this.#user.peerEnded();
    }
    const { bytes } = this.#buffer;
    const isFull = count === bytes.length;
    const looksOn = isFull && count === SMALL_BYTES;
    this.#look?.stop();
    this.#feed(isFull ? bytes : bytes.subarray(0, count), !looksOn);
    this.#giveBuffer();
    this.receive(isFull || (count >= SMALL_BYTES && this.#pumped.expectsBody));
    if (looksOn) this.#lookForMore();
  }

  receiveFailed(error: Error): void {
    this.#reading = false;
    this.#giveBuffer();
    this.#user.receiveFailed(error);
  }

  sent(): void {
    const output = this.#output;
    this.#output = undefined;
    if (output !== undefined) giveOutput(output);
    this.flush();
    this.receive();
  }

  sendFailed(error: Error): void {
    this.#user.sendFailed(error);
  }

  /** @param bytes empty where all was fed. @param isAll whether nothing else is at hand */
  #feed(bytes: Uint8Array, isAll: boolean): void {
    this.isFeeding = true;
    try {
      if (bytes.length > 0) this.#pumped.feed(bytes);
      if (isAll) this.#proceed();
    } catch (error) {
      this.#user.onBug(error);
    } finally {
      this.isFeeding = false;
    }
    if (!isAll || this.#stopped) return;
    this.#user.fed?.();
    this.flush();
  }

  /**
   * Behind a full small buffer the rest of what the peer has sent at once may be at hand: reading
   * that takes a few turns of the microtask queue. Heads wait for as long, so that their bodies go
   * with them to servers.
   */
  #lookForMore(): void {
    this.#look ??= new ShortWait(LOOK_TURNS, () => this.#feed(NO_BYTES, true));
    this.#look.start();
  }

  readonly #proceed = (): void => {
    if (this.#isPatient) return;
    const ready = this.#ready;
    const began = ready.length > LOOKED_AT_ONCE ? performance.now() : 0;
    for (let i = 0; i < ready.length; i++) {
      const isLooked = i > 0 && i % LOOKED_AT_ONCE === 0;
      if (isLooked && performance.now() - began > LONG_MS) return this.#proceedLater(i);
      (ready[i] as Proceeding).proceed();
    }
    ready.length = 0;
  };

  /** Has others go on before the streams from there on do. */
  #proceedLater(next: number): void {
    this.#ready.splice(0, next);
    this.#isPatient = true;
    behindOthers(() => {
      this.#isPatient = false;
      try {
        this.#proceed();
      } catch (error) {
        this.#user.onBug(error);
      }
    });
  }

  /** What is answered in one turn goes in one write. */
  readonly #flushLater = (): void => {
    queueMicrotask(this.#flushNow);
  };

  readonly #flushNow = (): void => {
    this.#flushes = false;
    this.flush();
  };

  #giveBuffer(): void {
    this.#buffer.give(this.#socket.reading);
  }
}

/** What is pumped before the start. */
const NOTHING: Pumped = {
  feed: () => {},
  takeOutput: () => undefined,
  outputBytes: 0,
  expectsBody: false,
};
