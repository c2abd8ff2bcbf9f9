import { DEADLINE_MS, within } from "./deadline.ts";

/** The lines that a process writes, as they come. */
export class Lines {
  readonly all: string[] = [];
  /** Settles when the process writes no more. */
  readonly ended: Promise<void>;
  #over = false;
  readonly #waiting = new Set<() => void>();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#collect(stream);
  }

  get text(): string {
    return this.all.join("\n");
  }

  /** Every line so far that matches. */
  matching(pattern: RegExp): string[] {
    return this.all.filter((line) => pattern.test(line));
  }

  /** The match of the first line that matches, now or later. */
  async first(pattern: RegExp, ms: number = DEADLINE_MS): Promise<RegExpExecArray> {
    await this.count(pattern, 1, ms);
    const [line = ""] = this.matching(pattern);
    return pattern.exec(line) as RegExpExecArray;
  }

  /** Waits for so many lines that match, and gives them. */
  count(pattern: RegExp, count: number, ms: number = DEADLINE_MS): Promise<string[]> {
    const what = () => `${count} lines like ${pattern} in\n${this.text}`;
    return within(this.#count(pattern, count), what, ms);
  }

  async #count(pattern: RegExp, count: number): Promise<string[]> {
    for (;;) {
      const found = this.matching(pattern);
      if (found.length >= count) return found;
      if (this.#over) {
        throw new Error(`The process ended without ${count} lines like ${pattern}:\n${this.text}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream() as BytesToText)) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.all.push(...lines);
      this.#wake();
    }
    if (rest !== "") this.all.push(rest);
    this.#over = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

type BytesToText = TransformStream<Uint8Array, string>;
