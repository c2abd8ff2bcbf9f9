import { TICKET_KEY_BYTES } from "./binding.ts";
import { newTicketKeys, type TicketKeySets, turnTicketKeys } from "./ticket_keys.ts";

/** Milliseconds for which tickets are sealed with one set of keys; as long they are still taken. */
export const TICKET_TURN_MS = 12 * 60 * 60 * 1000;

/** The same for replicas that make them together: what they call it, and how much it is. */
export const TICKET_SECRET = {
  name: "ticket-keys",
  bytes: TICKET_KEY_BYTES,
  period: TICKET_TURN_MS,
} as const;

/** Makes the keys of session tickets, and new ones in time; they are nowhere but in memory. */
export class TicketTurns implements Disposable {
  readonly #onTurn: (sets: TicketKeySets) => void;
  #sets: TicketKeySets = [newTicketKeys()];
  #timer: ReturnType<typeof setTimeout>;

  /** @param onTurn told of every change, for all who seal with them */
  constructor(onTurn: (sets: TicketKeySets) => void) {
    this.#onTurn = onTurn;
    this.#timer = setTimeout(this.#turn, TICKET_TURN_MS);
  }

  get sets(): TicketKeySets {
    return this.#sets;
  }

  readonly #turn = (): void => {
    this.#timer = setTimeout(this.#turn, TICKET_TURN_MS);
    this.#sets = turnTicketKeys(this.#sets);
    this.#onTurn(this.#sets);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
