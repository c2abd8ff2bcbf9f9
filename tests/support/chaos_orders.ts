/** How a backend of the chaos test behaves; every behaviour is for checks and for requests alike. */
export type Behaviour = "good" | "slow" | "babble" | "garbage" | "silent" | "truncate";

/** What such a backend is told to do, by lines of standard input. */
export class Orders {
  behaviour: Behaviour = "good";

  /** Takes orders from here on, and says where it listens. */
  async take(port: number): Promise<void> {
    await say(`listening on ${port}`);
    for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      this.behaviour = text.trim() as Behaviour;
      await say(`now ${this.behaviour}`);
    }
    Deno.exit(0);
  }
}

/** What makes an answer slow. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20 + 60 * Math.random()));
}

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}
