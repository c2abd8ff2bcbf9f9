import { NO_BODY, type RequestFacts } from "../http/message.ts";

/** Where a request is on its way to a server: its head, and then its body, a range at a time. */
export class Upload {
  /** Where the last range of the body is, or `done` where it was done with. */
  #at: "client" | "server" | "last" | "done" = "done";
  /** Whether bytes of the request are with a server, and whether they are with one that was left. */
  #isLent = false;
  #isLost = false;
  /** Whether a server was given bytes of the body, which nobody has any more. */
  #isBodyGone = false;
  /** Whether the client may wait for a 100 Continue before it sends anything of the body. */
  #expecting = false;

  /** A request has come. */
  begin(): void {
    this.#isLent = false;
    this.#isLost = false;
    this.#isBodyGone = false;
  }

  /** The request is to be sent to a server. */
  start({ expectsContinue }: RequestFacts): void {
    this.#expecting = expectsContinue;
  }

  /** A server is sent its head, for the first time or once more. */
  gaveHead({ body }: RequestFacts): void {
    this.#at = body === NO_BODY ? "last" : "client";
    this.#isLent = true;
  }

  /**
   * The server is sent a range of its body.
   *
   * @param bytes how many it has, with what frames them
   * @param ended whether it is the last
   * @param bodyBytes bytes of the body that have come so far: a first range may be empty
   */
  gave(bytes: number, ended: boolean, bodyBytes: number): void {
    this.#isLent = true;
    this.#at = ended ? "last" : "server";
    if (ended || bodyBytes > 0) this.#expecting = false;
    if (bytes > 0 && bodyBytes > 0) this.#isBodyGone = true;
  }

  /** The server is done with what it was sent last. */
  taken(): void {
    this.#isLent = false;
    this.#at = this.#at === "last" ? "done" : "client";
  }

  /** The server has said 100 Continue. */
  continued(): void {
    this.#expecting = false;
  }

  /** The server is left, which may be sent still what it has not taken. */
  left(): void {
    this.#isLost ||= this.#isLent;
  }

  /** Whether it cannot be sent once more, as some of its body is gone. */
  get isBodyGone(): boolean {
    return this.#isBodyGone;
  }

  /** Whether a server has had all of it. */
  get isDone(): boolean {
    return this.#at === "done";
  }

  /**
   * Whether the client has to give the next range. One that may wait for 100 Continue waits for the
   * server, so that it is the server's turn.
   */
  get isClientsTurn(): boolean {
    return this.#at === "client" && !this.#expecting;
  }

  /** Whether no bytes are with a server that may still be sent them. */
  get isSettled(): boolean {
    return !this.#isLent && !this.#isLost;
  }
}
