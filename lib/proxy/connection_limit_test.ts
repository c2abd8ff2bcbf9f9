import assert from "node:assert/strict";
import fc from "fast-check";
import { OWN_COUNTERS } from "../core/counters.ts";
import { Deadline, Deadlines } from "../io/deadlines.ts";
import type { Place } from "../ports/place.ts";
import { ConnectionLimit, type ConnectionLimits, TELL_EVERY_MS } from "./connection_limit.ts";

/** A limit whose clock is the test's, and what it told. */
function limited(limits: Partial<ConnectionLimits>, descriptors?: number) {
  const told: string[] = [];
  const watched = new Set<Deadline>();
  const clock = { now: 0 };
  const open = OWN_COUNTERS.count("open");
  const limit = new ConnectionLimit({
    ...{ open, byHost: OWN_COUNTERS.byKey("hosts"), unproven: OWN_COUNTERS.count("unproven") },
    limits: () => ({ connections: 0, connectionsPerIp: 0, ...limits }),
    ...(descriptors === undefined ? {} : { descriptors }),
    deadlines: {
      watch() {
        const deadline = new Deadline(clock, () => watched.delete(deadline));
        watched.add(deadline);
        return deadline;
      },
    },
    onRefused: ({ peer, limit, count }) => told.push(`${count} ${peer.host} ${limit}`),
  });
  const lookAfter = (ms: number) => {
    // Deadlines look at it a tick later
    clock.now += ms + 100;
    for (const deadline of watched) deadline.expireIfDue();
  };
  return { limit, open, told, watched, lookAfter };
}

const from = (host: string) => ({ host, port: 1 });

Deno.test("ConnectionLimit.enter() refuses what is too many, of all or of one address", () => {
  const { limit, open, told } = limited({ connections: 3, connectionsPerIp: 2 });
  const places = ["a", "a", "a", "b", "b"].map((host) => limit.enter(from(host)));
  assert.deepEqual(places.map((place) => place !== undefined), [true, true, false, true, false]);
  assert.equal(open.value, 3);
  assert.deepEqual(told, ["1 a connectionsPerIp"]);
  places[0]?.leave();
  assert.ok(limit.enter(from("a")), "a place is free again");
  assert.ok(!limit.enter(from("c")));
});

Deno.test("ConnectionLimit.enter() takes a /64 of IPv6 for one client", () => {
  const { limit, told } = limited({ connectionsPerIp: 2 });
  const hosts = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "192.0.2.1"];
  const places = hosts.map((host) => limit.enter(from(host)));
  assert.deepEqual(places.map((place) => place !== undefined), [true, true, false, true, true]);
  assert.deepEqual(told, ["1 2001:db8::3 connectionsPerIp"]);
  places[0]?.leave();
  assert.ok(limit.enter(from("2001:db8:0:0:9::1")), "a place is free again");
});

Deno.test("ConnectionLimit.enterUnnamed() counts a host once it is told", () => {
  const { limit, open, told } = limited({ connections: 3, connectionsPerIp: 1 });
  const places = Array.from({ length: 4 }, () => limit.enterUnnamed(from("proxy")));
  assert.deepEqual(places.map((place) => place !== undefined), [true, true, true, false]);
  assert.deepEqual(told, ["1 proxy connections"]);
  assert.deepEqual(places.slice(0, 2).map((place) => place?.name(from("a"))), [true, false]);
  assert.equal(open.value, 2, "the place of the second is left");
  places[2]?.leave();
  assert.equal(open.value, 1);
  places[0]?.leave();
  assert.ok(limit.enter(from("a")), "its host has left too");
});

Deno.test("ConnectionLimit has the oldest handshakes give way beyond half of its room", () => {
  const { limit, open, told, lookAfter } = limited({ connections: 8 });
  const gone: string[] = [];
  const enter = (name: string, { proven = false } = {}) => {
    const place = limit.enter(from(name));
    place?.begin(() => {
      if (proven) return false;
      gone.push(name);
      place.leave();
      return true;
    });
    return place;
  };
  const [first] = ["a", "b", "c", "d"].map((name) => enter(name));
  first?.settle();
  enter("e");
  assert.deepEqual(gone, [], "four of eight, beside one that is done");
  enter("f");
  enter("g");
  assert.deepEqual([gone, open.value], [["b", "c"], 5]);
  lookAfter(TELL_EVERY_MS);
  assert.deepEqual(told, ["1 b handshakes", "1 c handshakes"]);
  first?.leave();
  assert.equal(open.value, 4);
});

Deno.test("ConnectionLimit goes by the descriptors where they are fewer than its places", () => {
  // two for each connection, and handshakes have half of the room
  for (const [connections, descriptors, most] of [[0, 40, 10], [1000, 40, 10], [14, 40, 7]]) {
    const { limit } = limited({ connections: connections ?? 0 }, descriptors);
    let gone = 0;
    for (let i = 0; i < 12; i++) {
      const place = limit.enter(from("a"));
      place?.begin(() => {
        gone++;
        place.leave();
        return true;
      });
    }
    assert.equal(12 - gone, most, `${connections} places, ${descriptors} descriptors`);
  }
});

Deno.test("ConnectionLimit has those that have said nothing give way first", () => {
  const { limit } = limited({ connections: 8 });
  const gone: string[] = [];
  const enter = (name: string) => {
    const place = limit.enter(from(name));
    place?.begin(() => {
      gone.push(name);
      place.leave();
      return true;
    });
    return place;
  };
  for (const place of ["a", "b"].map(enter)) place?.spoke();
  enter("c");
  enter("d")?.spoke();
  enter("e")?.spoke();
  enter("f")?.spoke();
  assert.deepEqual(gone, ["c", "a"]);
});

Deno.test("ConnectionLimit lets a handful shake hands, as long as there is a place", () => {
  const { limit, open } = limited({ connections: 3 });
  const gone: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const place = limit.enter(from(name));
    place?.begin(() => {
      gone.push(name);
      place.leave();
      return true;
    });
  }
  assert.deepEqual([gone, open.value], [[], 3]);
});

Deno.test("ConnectionLimit spares what has proved itself meanwhile", () => {
  const { limit, open } = limited({ connections: 8 });
  const gone: string[] = [];
  const places = ["a", "b", "c", "d", "e"].map((name) => {
    const place = limit.enter(from(name));
    place?.begin(() => {
      if (name === "a") return false;
      gone.push(name);
      place.leave();
      return true;
    });
    return place;
  });
  assert.deepEqual([gone, open.value], [[], 5], "the first is none of the four any more");
  places[0]?.leave();
  assert.equal(open.value, 4);
});

Deno.test("ConnectionLimit.enter() lets everything in when there is no limit", () => {
  const { limit, open, told, watched } = limited({});
  for (let i = 0; i < 1000; i++) assert.ok(limit.enter(from("a")));
  assert.deepEqual([open.value, told, watched.size], [1000, [], 0]);
});

Deno.test("ConnectionLimit goes by the limits of the moment", () => {
  const limits = { connections: 1, connectionsPerIp: 0 };
  const limit = new ConnectionLimit({
    ...{
      open: OWN_COUNTERS.count("open"),
      byHost: OWN_COUNTERS.byKey("hosts"),
      unproven: OWN_COUNTERS.count("unproven"),
    },
    limits: () => limits,
    deadlines: new Deadlines(),
    onRefused: () => {},
  });
  const places = [limit.enter(from("a")), limit.enter(from("a"))];
  assert.deepEqual(places.map((place) => place !== undefined), [true, false]);
  limits.connections = 2;
  assert.ok(limit.enter(from("a")));
  limit.close();
});

Deno.test("ConnectionLimit counts as many as are open, whoever comes and goes", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean()));
  fc.assert(fc.property(steps, fc.nat(5), fc.nat(3), (steps, connections, connectionsPerIp) => {
    const { limit, open: counted } = limited({ connections, connectionsPerIp });
    const open: { host: string; place: Place }[] = [];
    for (const [host, comes] of steps) {
      const ofHost = open.filter((other) => other.host === host);
      if (comes) {
        const room = (connections === 0 || open.length < connections) &&
          (connectionsPerIp === 0 || ofHost.length < connectionsPerIp);
        const place = limit.enter(from(host));
        assert.equal(place !== undefined, room);
        if (place !== undefined) open.push({ host, place });
      } else if (ofHost[0] !== undefined) {
        ofHost[0].place.leave();
        open.splice(open.indexOf(ofHost[0]), 1);
      }
      assert.equal(counted.value, open.length);
    }
  }));
});

Deno.test("ConnectionLimit tells of the first refusal at once, and of more once in a while", () => {
  const { limit, told, watched, lookAfter } = limited({ connections: 1 });
  limit.enter(from("a"));
  for (let i = 0; i < 100; i++) limit.enter(from("b"));
  assert.deepEqual(told, ["1 b connections"]);
  lookAfter(TELL_EVERY_MS / 2);
  assert.equal(told.length, 1);
  lookAfter(TELL_EVERY_MS + 1);
  assert.deepEqual(told.slice(1), ["99 b connections"]);
  limit.enter(from("b"));
  assert.equal(told.length, 2, "no more than once in a while");
  lookAfter(TELL_EVERY_MS + 1);
  assert.deepEqual(told.splice(2), ["1 b connections"]);
  lookAfter(TELL_EVERY_MS + 1);
  assert.equal(told.length, 2);
  assert.equal(watched.size, 0, "nothing is watched when nothing is refused");

  limit.enter(from("c"));
  limit.enter(from("d"));
  assert.deepEqual(told.slice(2), ["1 c connections"]);
  limit.close();
  assert.deepEqual(told.slice(3), ["1 d connections"], "what is left is told at the end");
  assert.equal(watched.size, 0);
});
