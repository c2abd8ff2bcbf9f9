import { fromLatin1 } from "./connection.ts";

/** A stream that gives a piece only when it is asked, and counts. */
export interface CountedSource {
  readonly stream: ReadableStream<Uint8Array>;
  /** How often it was asked, for the end too. */
  readonly pulls: number;
}

export function countedSource(pieces: readonly string[]): CountedSource {
  let pulls = 0;
  return {
    stream: new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces[pulls++];
        if (piece === undefined) controller.close();
        else controller.enqueue(fromLatin1(piece));
      },
    }, { highWaterMark: 0 }),
    get pulls() {
      return pulls;
    },
  };
}
