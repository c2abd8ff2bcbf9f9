import { openSsl, type Pointer } from "./library.ts";

/** A session of a client that may be resumed: an `SSL_SESSION`, freed with the last who knows it. */
export class Resumption {
  readonly pointer: Pointer;

  constructor(pointer: Pointer) {
    this.pointer = pointer;
    SESSIONS_FORGOTTEN.register(this, pointer);
  }
}

const SESSIONS_FORGOTTEN = new FinalizationRegistry<Pointer>((session) =>
  openSsl().ssl.SSL_SESSION_free(session)
);
