import assert from "node:assert/strict";
import { scriptedRequest } from "../../tests/support/scripted_exchange.ts";
import { NO_BODY, UNKNOWN_LENGTH } from "../http/message.ts";
import { Upload } from "./upload.ts";

interface Case {
  readonly name: string;
  readonly expects?: boolean;
  readonly happens: readonly ((upload: Upload) => void)[];
  /** What holds behind that. */
  readonly done?: boolean;
  readonly clients?: boolean;
  readonly gone?: boolean;
  readonly settled: boolean;
}

const head = (body: number) => (upload: Upload) => upload.gaveHead(scriptedRequest({ body }));
const gives = (bodyBytes: number) => (upload: Upload) => upload.gave(bodyBytes, false, bodyBytes);
const ends = (upload: Upload) => upload.gave(3, true, 3);
const taken = (upload: Upload) => upload.taken();
const left = (upload: Upload) => upload.left();
const continued = (upload: Upload) => upload.continued();

const CASES: readonly Case[] = [
  { name: "lends the head", happens: [head(NO_BODY)], settled: false },
  {
    name: "is done once a head without a body is taken",
    happens: [head(NO_BODY), taken],
    ...{ done: true, settled: true },
  },
  {
    name: "is done once the next server has taken such a head",
    happens: [head(NO_BODY), taken, left, head(NO_BODY), taken],
    ...{ done: true, settled: true },
  },
  {
    name: "waits for the client once the head is taken",
    happens: [head(3), taken],
    ...{ clients: true, settled: true },
  },
  {
    name: "waits for the server while it has a range",
    happens: [head(3), taken, gives(1)],
    ...{ gone: true, settled: false },
  },
  {
    name: "is done once the last range is taken",
    happens: [head(3), taken, ends, taken],
    ...{ done: true, gone: true, settled: true },
  },
  {
    name: "waits for the server's 100 Continue",
    expects: true,
    happens: [head(3), taken],
    settled: true,
  },
  {
    name: "waits for it behind an empty first range, too",
    expects: true,
    happens: [head(3), gives(0), taken],
    settled: true,
  },
  {
    name: "waits for the client behind 100 Continue",
    expects: true,
    happens: [head(3), taken, continued],
    ...{ clients: true, settled: true },
  },
  {
    name: "waits for a client that does not wait for 100 Continue",
    expects: true,
    happens: [head(3), taken, gives(1), taken],
    ...{ clients: true, gone: true, settled: true },
  },
  {
    name: "is never settled once a server was left with a range",
    happens: [head(NO_BODY), left, head(NO_BODY), taken],
    ...{ done: true, settled: false },
  },
  {
    name: "is settled where the server that was left had taken all",
    happens: [head(NO_BODY), taken, left],
    ...{ done: true, settled: true },
  },
  {
    name: "keeps a body that has come and that no server was given",
    happens: [head(3), (upload) => upload.gave(0, false, 3), taken],
    ...{ clients: true, settled: true },
  },
  {
    name: "keeps a body that is empty, whatever frames it",
    happens: [head(UNKNOWN_LENGTH), taken, (upload) => upload.gave(5, true, 0), taken],
    ...{ done: true, settled: true },
  },
];

for (const { name, expects, happens, settled, ...expected } of CASES) {
  const { done = false, clients = false, gone = false } = expected;
  Deno.test(`Upload ${name}`, () => {
    const upload = new Upload();
    upload.begin();
    upload.start(scriptedRequest({ expectsContinue: expects === true }));
    for (const play of happens) play(upload);
    assert.deepEqual(
      {
        ...{ done: upload.isDone, clients: upload.isClientsTurn },
        ...{ gone: upload.isBodyGone, settled: upload.isSettled },
      },
      { done, clients, gone, settled },
    );
  });
}
