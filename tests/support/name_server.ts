import dgram from "node:dgram";
import { ipBytes } from "../../lib/core/ip.ts";

/** A DNS server (RFC 1035) for one name, on a free port of the loopback interface. */
export interface NameServer extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** What it answers, by type; undefined to say SERVFAIL. */
  answers: NameAnswers | undefined;
  /** How many questions it has got. */
  readonly questions: number;
}

/** Addresses, or `silent` for no answer at all. */
export interface NameAnswers {
  readonly a: readonly string[] | "silent";
  readonly aaaa: readonly string[] | "silent";
}

const TYPE = { a: 1, aaaa: 28 } as const;
const SERVFAIL = 2;

export async function startNameServer(answers: NameServer["answers"]): Promise<NameServer> {
  const socket = dgram.createSocket("udp4");
  const state = { answers, questions: 0 };
  socket.on("message", (message, { address, port }) => {
    state.questions++;
    const answer = reply(message, state.answers);
    if (answer !== undefined) socket.send(answer, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    get answers() {
      return state.answers;
    },
    set answers(answers) {
      state.answers = answers;
    },
    get questions() {
      return state.questions;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

function reply(message: Uint8Array, answers: NameServer["answers"]): Uint8Array | undefined {
  let end = 12;
  while (message[end] !== 0) end += (message[end] ?? 0) + 1;
  const type = (message[end + 1] ?? 0) * 256 + (message[end + 2] ?? 0);
  const question = message.subarray(12, end + 5);
  const asked = type === TYPE.a ? answers?.a : type === TYPE.aaaa ? answers?.aaaa : [];
  if (asked === "silent") return undefined;
  const found = (asked ?? []).map((address) => ipBytes(address) ?? new Uint8Array(0));
  const records = found.flatMap((data) => [
    // a pointer to the name asked for, type, class IN, 5 s to live, length
    ...[0xc0, 12, 0, type, 0, 1, 0, 0, 0, 5, 0, data.length],
    ...data,
  ]);
  const code = answers === undefined ? SERVFAIL : 0;
  const head = [message[0] ?? 0, message[1] ?? 0, 0x81, 0x80 | code, 0, 1, 0, found.length];
  return new Uint8Array([...head, 0, 0, 0, 0, ...question, ...records]);
}
