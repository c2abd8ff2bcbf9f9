import assert from "node:assert/strict";
import { isOver, maySend, outcomeOf, type StreamEvent, type StreamState } from "./stream_state.ts";

const STATES: readonly StreamState[] = [
  "idle",
  "open",
  "half_closed_local",
  "half_closed_remote",
  "closed",
  "reset",
];
const EVENTS: readonly StreamEvent[] = [
  "send_end",
  "send_reset",
  "receive_headers",
  "receive_data",
  "receive_end",
  "receive_reset",
  "receive_window_update",
];

Deno.test("outcomeOf() follows the diagram of RFC 9113 5.1", () => {
  const paths: readonly [events: readonly StreamEvent[], state: StreamState][] = [
    [["receive_headers"], "open"],
    [["receive_headers", "receive_end"], "half_closed_remote"],
    [["receive_headers", "receive_end", "send_end"], "closed"],
    [["receive_headers", "send_end"], "half_closed_local"],
    [["receive_headers", "send_end", "receive_data", "receive_end"], "closed"],
    [["receive_headers", "send_end", "receive_reset"], "closed"],
    [["receive_headers", "send_reset"], "reset"],
    [["receive_headers", "receive_end", "receive_window_update", "send_reset"], "reset"],
  ];
  for (const [events, expected] of paths) {
    let state: StreamState = "idle";
    for (const event of events) state = outcomeOf(state, event) as StreamState;
    assert.equal(state, expected, events.join(", "));
  }
});

Deno.test("outcomeOf() never leads from the end anywhere, and to an end by every reset", () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const outcome = outcomeOf(state, event);
      const isState = (STATES as readonly string[]).includes(outcome);
      if (isOver(state)) assert.ok(!isState, `${state} by ${event}`);
      if (event === "send_reset" && !isOver(state)) assert.equal(outcome, "reset");
      if (event === "send_end" && maySend(state)) assert.ok(!maySend(outcome as StreamState));
    }
  }
});
