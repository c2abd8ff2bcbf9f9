import assert from "node:assert/strict";
import { holdListeners } from "../../tests/support/held_sockets.ts";
import { connectTcp } from "../../tests/support/tls_client.ts";
import { listeningSockets } from "../ports/listening_sockets.ts";
import { acceptAll } from "../ports/accept_loop.ts";
import { PortGroups } from "./port_groups.ts";

const HOST = "127.0.0.1";
/** All at one of two is less than one in a billion. */
const MANY = 40;

/** Sockets of several workers in one thread, and how many connections came to each. */
class Workers implements AsyncDisposable {
  readonly groups = new PortGroups(listeningSockets());
  readonly came = new Map<string, number>();
  readonly #open = new Map<string, { close(): Promise<void> }>();
  readonly port: number;

  constructor() {
    this.port = this.groups.claim(0, { host: HOST, port: 0 });
  }

  get #address() {
    return { host: HOST, port: this.port };
  }

  /** Opens a socket of a worker, under a name for the test. */
  async open(worker: number, name: string): Promise<void> {
    await this.groups.turn(worker);
    const options: Deno.TcpListenOptions & { reusePort: boolean } = {
      ...{ hostname: HOST, port: this.port, reusePort: true },
    };
    const listener = Deno.listen(options);
    const { socket, takesOver } = this.groups.opened(worker, {
      address: this.#address,
      noDelay: true,
    });
    assert.ok(takesOver);
    const accepting = this.#accept(listener, name);
    this.#open.set(name, {
      close: async () => {
        await this.groups.closing(worker, socket);
        this.groups.silence(socket);
        listener.close();
        await accepting;
        this.groups.closed(socket);
      },
    });
  }

  async close(name: string): Promise<void> {
    await this.#open.get(name)?.close();
    this.#open.delete(name);
  }

  /** Which sockets get connections now. */
  async reached(): Promise<string> {
    this.came.clear();
    for (let i = 0; i < MANY; i++) await (await connectTcp(this.port)).readRest();
    return [...this.came.keys()].sort().join(" ");
  }

  async #accept(listener: Deno.TcpListener, name: string): Promise<void> {
    await acceptAll(listener, {
      socket: (connection) => {
        this.came.set(name, (this.came.get(name) ?? 0) + 1);
        connection.close();
      },
      trouble: assert.fail,
      closed: () => false,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#open.keys()]) await this.close(name);
  }
}

Deno.test("PortGroups deals connections out to the newest socket of each worker", async () => {
  await using workers = new Workers();
  for (const worker of [0, 1, 2]) await workers.open(worker, `old${worker}`);
  assert.equal(await workers.reached(), "old0 old1 old2");
  await workers.open(1, "new1");
  assert.equal(await workers.reached(), "new1 old0 old2");
  await workers.open(0, "new0");
  await workers.open(2, "new2");
  assert.equal(await workers.reached(), "new0 new1 new2");
  // whichever goes, the last moves to its place
  for (const name of ["old0", "old2", "old1"]) {
    await workers.close(name);
    assert.equal(await workers.reached(), "new0 new1 new2");
  }
  await workers.close("new1");
  assert.equal(await workers.reached(), "new0 new2");
});

Deno.test("PortGroups sends nothing to a socket that is closed while something holds on to it", async () => {
  await using workers = new Workers();
  for (const worker of [0, 1, 2]) await workers.open(worker, `old${worker}`);
  await workers.open(0, "new0");
  using _held = holdListeners(workers.port);
  await workers.close("old0");
  await workers.open(1, "new1");
  assert.equal(await workers.reached(), "new0 new1 old2");
  await workers.close("old1");
  assert.equal(await workers.reached(), "new0 new1 old2");
});

Deno.test("PortGroups loses no connection while sockets come and go", async () => {
  await using workers = new Workers();
  for (const worker of [0, 1]) await workers.open(worker, `${worker}`);
  const clients = [0, 1, 2].map(() => new Client(workers.port));
  for (let round = 0; round < 20; round++) {
    for (const worker of [0, 1]) await workers.open(worker, `${worker} of ${round}`);
    // what was on its way when they were overtaken has come by then, as listeners see to by a delay
    await Promise.all(clients.map((client) => client.next()));
    for (const worker of [1, 0]) {
      await workers.close(round === 0 ? `${worker}` : `${worker} of ${round - 1}`);
    }
  }
  await Promise.all(clients.map((client) => client.stop()));
});

/** Connects again and again, one after another. */
class Client {
  readonly #port: number;
  readonly #connecting: Promise<void>;
  #going = true;
  #next = Promise.withResolvers<void>();

  constructor(port: number) {
    this.#port = port;
    this.#connecting = this.#connect();
    // told to those who wait
    this.#connecting.catch(() => {});
  }

  /** Settles when the connection of now has been accepted and has ended. */
  async next(): Promise<void> {
    await Promise.race([this.#next.promise, this.#connecting]);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    while (this.#going) {
      // one that is closed without having been accepted is reset, and throws
      await (await connectTcp(this.#port)).readRest();
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    }
  }
}

Deno.test("PortGroups lets one at a time open or close, and goes on when that one dies", async () => {
  const groups = new PortGroups(undefined);
  const order: string[] = [];
  await groups.turn(0);
  const second = groups.turn(1).then(() => order.push("1"));
  const third = groups.turn(2).then(() => order.push("2"));
  const fourth = groups.turn(1).then(() => order.push("1 again"));
  await Promise.resolve();
  assert.deepEqual(order, []);
  groups.forget(0);
  await second;
  groups.leave();
  await third;
  groups.forget(1);
  groups.leave();
  const late = Symbol();
  assert.equal(await Promise.race([fourth, Promise.resolve(late)]), late);
  await groups.turn(2);
});

Deno.test("PortGroups.claim() gives all workers the same port, and one in use to none", () => {
  const groups = new PortGroups(undefined);
  const address = { host: HOST, port: 0 };
  const [first, second] = [groups.claim(0, address), groups.claim(0, address)];
  assert.notEqual(first, second);
  assert.deepEqual([groups.claim(1, address), groups.claim(1, address)], [first, second]);
  using taken = Deno.listen({ hostname: HOST, port: 0 });
  for (const worker of [0, 1]) {
    assert.throws(() => groups.claim(worker, { host: HOST, port: taken.addr.port }), {
      code: "bad_config",
    });
  }
});
