import assert from "node:assert/strict";
import { RUNTIME_FLAGS } from "../lib/permissions/runtime_flags.ts";
import { explainFailure, toldBy } from "../scripts/compile.ts";
import { startHttp, unusedPort } from "./support/backends.ts";
import { ConfigFile } from "./support/config_file.ts";
import { printedFlags } from "./support/printed_permissions.ts";
import { PROGRAM_MS, within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { Lines } from "./support/lines.ts";
import { connectTls } from "./support/tls_client.ts";

const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/**
 * The base runtime is not to be had without a download, so Deno itself stands in its place: what is
 * made is no executable, but has all in it that one would have.
 */
Deno.test("compile puts the program, its permissions and build facts into an executable", async () => {
  await using backend = await startHttp();
  const port = await unusedPort();
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: "127.0.0.1:${port}" }]
certificates: [{ cert: tls/tls.crt, key: tls/tls.key }]
backends: { a: { servers: ["${backend.address}"] } }
routes: [{ backend: a }]
workers: 2`);
  const output = `${config.folder}/dist`;
  const made = await compile(["--config", config.path, "--output", output], {
    DENORT_BIN: Deno.execPath(),
  });
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.match(made.stdout, /^.*\/dist\/tls-proxy: --no-prompt --deny-import --ignore-env /m);

  const bundle = await Deno.readTextFile(`${output}/build/tls-proxy.js`);
  const granted = await printedFlags(config.path);
  const { metadata, embeds } = await takeApart(`${output}/tls-proxy`);
  assert.ok(embeds(bundle), "the bundle is inside");
  assert.deepEqual(metadata.unstable_config.features, ["net"]);
  const ofV8 = RUNTIME_FLAGS.flatMap((flag) => flag.replace("--v8-flags=", "").split(","));
  assert.deepEqual(metadata.v8_flags.slice(-ofV8.length), ofV8);
  const { prompt, allow_import: _, ...permissions } = metadata.permissions;
  assert.equal(prompt, false);
  const expected: Record<string, unknown> = { deny_import: [], ignore_env: [] };
  for (const flag of granted) {
    const [, kind = "", values = ""] = /^--allow-(\w+)(?:=(.*))?$/.exec(flag) ?? [];
    // a worker begins with the program, which an executable has in itself
    const own = values.split(",").filter((value) => value !== "" && !value.startsWith(`${ROOT}/`));
    if (kind !== "") expected[`allow_${kind}`] = own;
  }
  const given = Object.entries(permissions).filter(([, value]) => value !== null);
  assert.deepEqual(Object.fromEntries(given), expected);

  // the same bundle, with neither source tree nor cache nor network for modules
  const alone = `${config.folder}/alone`;
  await Deno.mkdir(alone);
  await Deno.rename(`${output}/build/tls-proxy.js`, `${alone}/tls-proxy.js`);
  const run = (args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-config", "--no-remote", "--no-npm", "--cached-only"],
        ...["--unstable-net", ...granted, `--allow-read=${alone}/tls-proxy.js`],
        ...["tls-proxy.js", ...args],
      ],
      cwd: alone,
      env: { DENO_DIR: `${alone}/cache` },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  const version = await run(["--version"]).output();
  assert.match(
    new TextDecoder().decode(version.stdout),
    /^\d+\.\d+\.\d+\nDeno [\d.]+, \S+, commit (?:unknown|[0-9a-f]{12}(?:-dirty)? of \S+)\npermissions: those of .*\/proxy\.yaml\n$/,
  );
  await serves(run(["--config", config.path]), port);
  const dropIn = await run(["permissions", "--systemd", "--config", config.path]).output();
  const [, command = ""] = /^ExecStart=(.+)$/m.exec(new TextDecoder().decode(dropIn.stdout)) ?? [];
  const service = new Deno.Command("sh", {
    args: ["-c", `exec ${command}`],
    cwd: alone,
    env: { DENO_DIR: `${alone}/cache` },
    ...({ stdin: "null", stdout: "piped", stderr: "piped" } as const),
  }).spawn();
  await serves(service, port);
});

/** Has a process that starts serve a request, and stops it. */
async function serves(child: Deno.ChildProcess, port: number): Promise<void> {
  const [log, says] = [new Lines(child.stdout), new Lines(child.stderr)];
  try {
    await says.first(/^tls-proxy: listening on /, PROGRAM_MS);
    using client = await connectTls(port);
    await client.write(encodeRequest("/"));
    assert.equal((await readAnswer(client)).status, 200);
  } finally {
    child.kill("SIGTERM");
    await within(Promise.all([child.status, log.ended, says.ended]), "the proxy's end");
  }
  assert.equal((await child.status).code, 0);
  assert.deepEqual(says.matching(/permission/), []);
}

Deno.test("compile says what to do where there is no base runtime", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-compile-" });
  try {
    const missing = await compile(["--output", folder], { DENORT_BIN: `${folder}/denort` });
    assert.equal(missing.code, 1);
    assert.match(
      missing.stderr,
      /^compile: Cannot get Deno's base runtime for \S+: Could not find denort at '.*'; take denort-\S+\.zip of Deno's release v\S+ from another machine, unpack it and name the file in the variable DENORT_BIN\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assert.match(
    explainFailure(
      `error: Writing deno compile executable to temporary file 't.tmp'

Caused by:
    0: Setting up base binary.
    1: error sending request for url (https://example.test/denort.zip): client error (Connect)
    2: client error (Connect)
`,
      "aarch64-apple-darwin",
    ),
    /^Cannot get Deno's base runtime for aarch64-apple-darwin: error sending request .* \(Connect\); take denort-aarch64-apple-darwin\.zip /,
  );
  assert.equal(
    explainFailure("error: something else\n", "aarch64-apple-darwin"),
    "Cannot make the executable: something else",
  );
});

Deno.test("compile tells the runtime's errors in one line each", () => {
  assert.equal(
    toldBy(`error: failed to download a tarball from https://example.test/a.tgz

Caused by:
    0: Failed caching npm package 'a'
    1: client error (Connect)
    2: invalid peer certificate: UnknownIssuer

Stack backtrace:
   0: <unknown>
`),
    "failed to download a tarball from https://example.test/a.tgz: " +
      "invalid peer certificate: UnknownIssuer",
  );
  assert.equal(toldBy("error: something else\n"), "something else");
  assert.equal(toldBy("no error at all\n"), "no error at all");
});

Deno.test("compile refuses wrong flags in one line", async () => {
  const CASES = [
    [["--taget", "a"], /^compile: Unknown option '--taget'; see deno task compile --help\n$/],
    [["--target", "a"], /^compile: There is no target a; there are x86_64-unknown-linux-gnu, /],
    [["--systemd"], /^compile: --systemd goes with --config\n$/],
    [
      ["--output", "/a/b"],
      /^compile: --output \/a\/b: the task may write to dist and below it alone\n$/,
    ],
  ] as const;
  for (const [args, line] of CASES) {
    const { code, stdout, stderr } = await compile(args, {}, "dist");
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, line);
  }
});

Deno.test("compile begins with the configuration, and makes nothing where that has mistakes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-compile-" });
  try {
    const flags = ["--config", `${folder}/none`, "--output", `${folder}/dist`];
    const { code, stdout, stderr } = await compile(flags);
    const message = `Cannot read the configuration ${folder}/none: it does not exist`;
    assert.deepEqual([code, stdout, stderr], [1, "", `compile: ${message}\n`]);
    await assert.rejects(Deno.stat(`${folder}/dist`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Runs the task's script with the task's permissions, but for where it writes to. */
async function compile(
  args: readonly string[],
  env: Record<string, string> = {},
  folder = args[args.indexOf("--output") + 1],
) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--no-remote", "--allow-read", "--ignore-env"],
      ...[`--allow-write=${folder}`, `--allow-run=${Deno.execPath()},git`],
      ...["scripts/compile.ts", ...args],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

interface Metadata {
  readonly permissions: Record<string, unknown>;
  readonly unstable_config: { readonly features: readonly string[] };
  readonly v8_flags: readonly string[];
}

/** What `deno compile` has added to the base runtime: a length, metadata as JSON, and the files. */
async function takeApart(path: string) {
  const bytes = await Deno.readFile(path);
  const start = lastIndexOf(bytes, new TextEncoder().encode('{"argv":'));
  assert.ok(start > 8, "there is metadata");
  const length = Number(new DataView(bytes.buffer).getBigUint64(start - 8, true));
  const text = new TextDecoder().decode(bytes.subarray(start, start + length));
  const metadata: Metadata = JSON.parse(text);
  const rest = bytes.subarray(start + length);
  return {
    metadata,
    embeds: (source: string) => lastIndexOf(rest, new TextEncoder().encode(source)) >= 0,
  };
}

function lastIndexOf(bytes: Uint8Array, part: Uint8Array): number {
  const [first] = part;
  if (first === undefined) return -1;
  for (let at = bytes.length; (at = bytes.lastIndexOf(first, at - 1)) >= 0;) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return at;
    if (at === 0) break;
  }
  return -1;
}
