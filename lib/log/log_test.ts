import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { ProxyError } from "../core/errors.ts";
import { ENDED, PEER, REQUEST, TLS } from "../../tests/support/events.ts";
import type { ProxyEvent, RequestServed } from "../core/event.ts";
import { type LogOptions, openLog } from "./log.ts";
import { painter } from "./terminal_format.ts";

const peer = PEER;
const tls = TLS;
const request: RequestServed = { ...REQUEST, target: "/{x}?{{y}}{*}", error: undefined };
const EVENTS: readonly ProxyEvent[] = [
  { kind: "handshake", peer, tls },
  {
    kind: "handshake_failed",
    peer,
    sni: undefined,
    error: new ProxyError("plain_http", "not TLS"),
  },
  request,
  { ...request, error: new ProxyError("connect_failed", "refused") },
  ENDED,
];

const OPTIONS: LogOptions = {
  level: "info",
  levels: {},
  format: "text",
  access: true,
  tls: true,
  sample: 1,
  file: undefined,
};

const CASES: readonly { options: Partial<LogOptions>; words: readonly string[] }[] = [
  {
    options: {},
    words: ["info handshake", "warning handshake", "info request", "warning request", "info end"],
  },
  {
    options: { tls: false },
    words: ["warning handshake", "info request", "warning request", "info end"],
  },
  { options: { access: false }, words: ["warning handshake", "warning request"] },
  { options: { level: "warning" }, words: ["warning handshake", "warning request"] },
  { options: { level: "error" }, words: [] },
  {
    options: { level: "error", levels: { access: "info" } },
    words: ["info request", "warning request", "info end"],
  },
  { options: { levels: { access: "error" } }, words: ["info handshake", "warning handshake"] },
  {
    options: { levels: { tls: "warning", access: "warning" } },
    words: ["warning handshake", "warning request"],
  },
  { options: { sample: 0 }, words: ["warning handshake", "warning request"] },
];

Deno.test("openLog() leaves out what the options say", async () => {
  for (const { options, words } of CASES) {
    const lines = await logged(EVENTS, options);
    assert.deepEqual(lines.map((line) => line.split(" ").slice(1, 3).join(" ")), words);
  }
});

Deno.test("openLog() writes time, level and the line as it was formatted", async () => {
  const [line = ""] = await logged([request], { level: "debug" });
  assert.match(
    line,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info request peer=127\.0\.0\.1:5555 /,
  );
  assert.ok(line.includes(" target=/{x}?{{y}}{*} "), line);
});

Deno.test("openLog() keeps the share of everyday lines that it is to, and every warning", async () => {
  const events = Array.from({ length: 1000 }, (_, index): ProxyEvent => ({
    ...request,
    error: index % 100 === 0 ? new ProxyError("connect_failed", "refused") : undefined,
  }));
  const lines = await logged(events, { sample: 0.1 });
  assert.equal(lines.filter((line) => line.includes(" warning ")).length, 10);
  const everyday = lines.filter((line) => line.includes(" info ")).length;
  assert.ok(Math.abs(everyday - 99) <= 60, String(everyday));
});

Deno.test("openLog() keeps its share of each kind of line, in whatever rhythm they come", async () => {
  const rhythms: readonly (readonly ProxyEvent[])[] = [
    [request, ENDED],
    [{ kind: "handshake", peer, tls }, request, request, ENDED],
  ];
  for (const rhythm of rhythms) {
    const lines = await logged(Array.from({ length: 1000 }, () => rhythm).flat(), { sample: 0.5 });
    for (const kind of new Set(rhythm.map(({ kind }) => kind))) {
      const word = kind === "connection_end" ? "end" : kind;
      const all = 1000 * rhythm.filter((event) => event.kind === kind).length;
      const kept = lines.filter((line) => line.includes(` info ${word} `)).length;
      assert.ok(Math.abs(kept - all / 2) <= 200, `${kept} of ${all} lines of ${kind}`);
    }
  }
});

Deno.test("openLog() writes JSON and goes over to text when it is told to", async () => {
  const output = memory();
  const log = await openLog({ ...OPTIONS, format: "json" }, { output });
  log.observe(request);
  log.observe({ kind: "listener_trouble", listen: peer, reason: 'too "many"', accepts: false });
  (await log.prepare(OPTIONS)).commit();
  log.observe(request);
  await log.close();
  const [json = "", trouble = "", text = ""] = output.lines();
  assert.equal(JSON.parse(json).target, request.target);
  const { time: _, ...rest } = JSON.parse(trouble);
  assert.deepEqual(rest, {
    level: "warning",
    event: "listener_trouble",
    listen: "127.0.0.1:5555",
    reason: 'too "many"',
  });
  assert.match(text, / info request peer=/);
});

Deno.test("openLog() appends to a file, goes on in a new one when it was moved, and in another", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-log-" });
  const [file, other] = [`${folder}/a.log`, `${folder}/b.log`];
  const log = await openLog({ ...OPTIONS, file });
  const say = (target: string) => log.observe({ ...request, target });
  say("/1");
  await Deno.rename(file, `${file}.1`);
  say("/2");
  await log.reopen();
  say("/3");
  const moved = await log.prepare({ ...OPTIONS, file: other });
  say("/4");
  moved.commit();
  say("/5");
  await assert.rejects(log.prepare({ ...OPTIONS, file: `${folder}/no/c.log` }), /no\/c\.log: /);
  await Deno.writeTextFile(`${folder}/kept.log`, "");
  for (const name of ["kept.log", "made.log"]) {
    await (await log.prepare({ ...OPTIONS, file: `${folder}/${name}` })).drop();
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["a.log", "a.log.1", "b.log", "kept.log"], "what was there stays");
  say("/6");
  await log.close();
  const targets = async (path: string) =>
    [...(await Deno.readTextFile(path)).matchAll(/ target=(\S+)/g)].map(([, target]) => target);
  assert.deepEqual(await targets(`${file}.1`), ["/1", "/2"]);
  assert.deepEqual(await targets(file), ["/3", "/4"]);
  assert.deepEqual(await targets(other), ["/5", "/6"]);
  const { mode } = await Deno.stat(other);
  assert.equal((mode ?? 0o777) & 0o007, 0, "not for everybody");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openLog() writes what several append though its file is moved meanwhile", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-log-" });
  const file = `${folder}/a.log`;
  const log = await openLog({ ...OPTIONS, file });
  const lines = (name: string) => Array.from({ length: 50 }, (_, index) => `${name}${index}`);
  const append = (line: string) => log.append(new TextEncoder().encode(`${line}\n`));
  const [before, after] = [lines("before"), lines("after")];
  const told = before.map(append);
  await Deno.rename(file, `${file}.1`);
  await log.reopen();
  await Promise.all([...told, ...after.map(append)]);
  await log.close();
  const read = async (path: string) => (await Deno.readTextFile(path)).split("\n").slice(0, -1);
  assert.deepEqual(await read(`${file}.1`), before);
  assert.deepEqual(await read(file), after);
  assert.equal(log.dropped, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("reopen() has the new file tell what the old one had no room for", async () => {
  const outputs = { full: full(), next: memory() };
  const failed = Promise.withResolvers<string>();
  let opened = 0;
  const log = await openLog({ ...OPTIONS, file: "a.log" }, {
    openFile: () => Promise.resolve(opened++ === 0 ? outputs.full : outputs.next),
    onFailure: failed.resolve,
  });
  log.observe(request);
  log.observe(request);
  assert.equal(await failed.promise, "a.log: no space left on device");
  await log.reopen();
  await outputs.full.closed;
  await log.close();
  assert.equal(log.dropped, 2);
  const [line, ...more] = outputs.next.lines();
  assert.match(line ?? "", / warning log dropped lines=2 reason="no space left on device"$/);
  assert.deepEqual(more, []);
});

Deno.test("reopen() does not take back the file that a reload has named meanwhile", async () => {
  const outputs = { a: memory(), b: memory() };
  const opened: string[] = [];
  const slow = Promise.withResolvers<undefined>();
  const log = await openLog({ ...OPTIONS, file: "a" }, {
    openFile: async (path) => {
      opened.push(path);
      if (opened.length === 2) await slow.promise;
      return path === "a" ? outputs.a : outputs.b;
    },
  });
  const reopened = log.reopen();
  const { commit } = await log.prepare({ ...OPTIONS, file: "b" });
  commit();
  slow.resolve(undefined);
  await reopened;
  log.observe(request);
  await log.close();
  assert.deepEqual(opened, ["a", "a", "b"]);
  assert.deepEqual([outputs.a.lines().length, outputs.b.lines().length], [0, 1]);
});

Deno.test("openLog() shows a person at a terminal short lines, in colour or not", async () => {
  const ESC = "\x1b";
  const hostile: ProxyEvent = { ...request, target: `/${ESC}[2J`, host: "h" };
  for (const coloured of [true, false]) {
    const output = memory();
    const log = await openLog(OPTIONS, { output, terminal: painter(coloured) });
    log.observe(hostile);
    log.observe({ ...request, status: 502, error: new ProxyError("connect_failed", "refused") });
    const host = "a target=/other time=0.1ms server=10.0.0.1:80";
    log.observe({ ...request, host, target: "/real" });
    await log.close();
    const [good = "", bad = "", forged = ""] = output.lines();
    assert.match(
      stripVTControlCharacters(good),
      /^[\d:.]{12} 200 GET h"\/\\x1b\[2J" 1\.3ms 127\.0\.0\.1:5555 -> /,
    );
    assert.match(stripVTControlCharacters(bad), / 502 GET .* refused$/);
    assert.match(
      stripVTControlCharacters(forged),
      /10\.0\.0\.1:80"\/real 1\.3ms 127\.0\.0\.1:5555 -> 127\.0\.0\.1:8000$/,
    );
    assert.equal(good.includes(ESC), coloured);
  }
});

async function logged(
  events: readonly ProxyEvent[],
  options: Partial<LogOptions>,
): Promise<string[]> {
  const output = memory();
  const log = await openLog({ ...OPTIONS, ...options }, { output });
  for (const event of events) log.observe(event);
  await log.close();
  return output.lines();
}

function memory() {
  let text = "";
  return {
    write(bytes: Uint8Array) {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
    close() {},
    discard() {},
    lines: () => text.split("\n").slice(0, -1),
  };
}

/** An output that has room for nothing. */
function full() {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const error = Object.assign(new Error("write failed"), { code: "ENOSPC" });
  return {
    write: () => Promise.reject(error),
    close: () => resolve(),
    discard: () => resolve(),
    closed,
  };
}
