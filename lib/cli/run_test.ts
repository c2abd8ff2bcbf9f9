import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

Deno.test("runProxy() serves the demo, goes on after SIGHUP and drains on SIGTERM", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using proxy = start(folder, ["--listen", "127.0.0.1:0"]);
    const stderr = new Lines(proxy.stderr);
    const line = await stderr.until(/try: curl --cacert (\S+) (https:\S+)/);
    const [, ca = "", url = ""] = line;
    const caCert = await Deno.readTextFile(`${folder}/${ca}`);
    using client = Deno.createHttpClient({ caCerts: [caCert] });

    const answer = await fetch(`${url}a?b`, { client });
    assert.match(
      await answer.text(),
      /^GET \/a\?b HTTP\/1\.1\n[^]*x-forwarded-for: 127\.0\.0\.1\n/,
    );

    proxy.kill("SIGHUP");
    await stderr.until(/reloaded \(SIGHUP\): nothing has changed/);
    assert.equal((await fetch(url, { client })).status, 200);

    client.close();
    proxy.kill("SIGTERM");
    await stderr.until(/SIGTERM: draining/);
    await stderr.until(/served 1 connection and 2 requests, 0 failed handshakes, \d+ bytes in/);
    assert.equal((await proxy.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runProxy() fails in one line when it cannot start", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = ["--backend", "127.0.0.1:1", "--cert", "none.crt", "--key", "none.key"];
    await using proxy = start(folder, args);
    const stderr = await new Response(proxy.stderr).text();
    assert.match(stderr, /^tls-proxy: [^\n]*none\.(?:crt|key)[^\n]*\n$/);
    assert.equal((await proxy.status).code, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The proxy as a process of its own, in a folder where it may make its certificate. */
function start(folder: string, args: readonly string[]): Deno.ChildProcess {
  const permissions = ["--allow-net", "--allow-read", `--allow-write=${folder}/certs`];
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--config", `${ROOT}deno.json`, ...permissions],
      ...["--ignore-env", `${ROOT}main.ts`, ...args],
    ],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** What a process writes, line by line. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(bytes: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits for a line like that. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    while (true) {
      const match = pattern.exec(this.#text);
      // A whole line only, or the end of what was looked for might be missing.
      if (match !== null && this.#text.includes("\n", match.index)) return match;
      const { done, value } = await this.#reader.read();
      assert.ok(!done, `it ended before ${pattern}: ${this.#text}`);
      this.#text += value;
    }
  }
}
