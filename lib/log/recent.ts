import type { Observer, ProxyEvent } from "../core/event.ts";
import { Ring } from "../core/ring.ts";
import { formatEvent, levelOf } from "./text_format.ts";

/** A line for whoever wants to know what went wrong lately. */
export interface RecentLine {
  /** ISO 8601. */
  readonly time: string;
  readonly text: string;
}

/** How many are kept. */
const KEPT = 50;

/** The last warnings. Only the events are kept; their lines are made when somebody looks. */
export class RecentWarnings {
  readonly #events = new Ring<{ readonly time: number; readonly event: ProxyEvent }>(KEPT);

  readonly observe: Observer = (event) => {
    if (levelOf(event) === "warning") this.#events.push({ time: Date.now(), event });
  };

  /** The latest first. */
  get lines(): readonly RecentLine[] {
    return this.#events.items.toReversed().map(({ time, event }) => ({
      time: new Date(time).toISOString(),
      text: formatEvent(event).text,
    }));
  }
}
