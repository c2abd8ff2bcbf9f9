import { expectedBody } from "./chaos_answer.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import { Http2Client } from "./http2_client.ts";
import { connectTls } from "./tls_client.ts";

/** A client of the chaos test: one connection, on which it asks for one thing after another. */
export interface ChaosClient extends Disposable {
  /**
   * Asks for what `expectedBody` has of a number, at a server by HTTP/1.1 or by HTTP/2.
   *
   * @returns `right`, `wrong`, another status than 200, `cut off`, or `hung` after all patience
   */
  ask(number: number): Promise<string>;
  /** Whether its connection takes no more requests. */
  readonly isOver: boolean;
}

export async function connectClient(
  port: number,
  version: "http/1.1" | "h2",
): Promise<ChaosClient> {
  if (version === "h2") return byHttp2(await Http2Client.connect(port));
  const connection = await connectTls(port, [version]);
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    async ask(number) {
      const outcome = await judged(async () => {
        await connection.write(encodeRequest(pathOf(number)));
        return await readAnswer(connection);
      }, expectedBody(number));
      isOver = outcome === "cut off" || outcome === "hung";
      return outcome;
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

/** A stream that is reset is the end of one answer, and not of the connection. */
function byHttp2(client: Http2Client): ChaosClient {
  let id = -1;
  let isHung = false;
  return {
    get isOver() {
      return isHung || client.closed || client.goaways.length > 0;
    },
    async ask(number) {
      id += 2;
      const outcome = await judged(async () => {
        const { status, body, ended } = await client.get(id, pathOf(number));
        if (!ended) throw new Error("The stream was reset");
        return { status, body };
      }, expectedBody(number));
      isHung = outcome === "hung";
      return outcome;
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** What is below the second backend's name goes there. */
function pathOf(number: number): string {
  return number % 4 < 2 ? `/n/${number}` : `/modern/n/${number}`;
}

/** What an answer comes to, as `ChaosClient.ask` has it. */
export async function judged(
  ask: () => Promise<{ status: number; body: string }>,
  expected: string | Promise<string>,
): Promise<string> {
  try {
    const { status, body } = await ask();
    if (status !== 200) return String(status);
    return body === await expected ? "right" : "wrong";
  } catch (error) {
    return error instanceof Error && error.message.startsWith("Waited") ? "hung" : "cut off";
  }
}
