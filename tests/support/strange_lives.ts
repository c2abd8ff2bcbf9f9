import fc from "fast-check";
import { CAPTURED_HELLOS } from "./client_hellos.ts";
import { RecordClient } from "./record_client.ts";

/** A stranger's life on a TLS port: what it says, and how it leaves. */
export interface Life {
  readonly hello: Uint8Array;
  /** Bytes of the hello that come, and whether the handshake is done by a library instead. */
  readonly cut: number;
  readonly shakesHands: boolean;
  readonly records: readonly { readonly type: number; readonly content: Uint8Array }[];
  readonly raw: Uint8Array;
  readonly waits: boolean;
}

/** Some of them, as the seed has them. */
export function strangeLives(count: number, seed: number): Life[] {
  return fc.sample(life, { numRuns: count, seed });
}

/** Lives one: it ends however the proxy likes. */
export async function live(port: number, each: Life): Promise<void> {
  try {
    if (each.shakesHands) {
      using client = await RecordClient.connect(port);
      const records = each.records.map(({ type, content }) => client.record(type, content));
      await client.send(...records, each.raw);
      if (each.waits) await client.tcp.read(new Uint8Array(100));
      return;
    }
    using tcp = await Deno.connect({ hostname: "127.0.0.1", port });
    await tcp.write(each.hello.subarray(0, Math.max(1, each.cut)));
    await tcp.write(each.raw.length === 0 ? Uint8Array.of(0) : each.raw);
    if (each.waits && each.cut > each.hello.length) await tcp.read(new Uint8Array(100));
  } catch {
    // it was cut off
  }
}

const HELLOS = CAPTURED_HELLOS.map(({ bytes }) => bytes);

const life: fc.Arbitrary<Life> = fc.record({
  hello: fc.constantFrom(...HELLOS).chain((hello) =>
    fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 3 }).map((damage) => {
      const damaged = hello.slice();
      for (const [at, byte] of damage) damaged[at] = byte;
      return damaged;
    })
  ),
  cut: fc.nat(2000),
  shakesHands: fc.boolean(),
  records: fc.array(
    fc.record({
      type: fc.oneof(fc.constantFrom(20, 21, 22, 23), fc.nat(255)),
      content: fc.uint8Array({ maxLength: 300 }),
    }),
    { maxLength: 8 },
  ),
  raw: fc.uint8Array({ maxLength: 400 }),
  waits: fc.boolean(),
});
