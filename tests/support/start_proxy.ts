import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { denoEngine } from "../../lib/tls/deno_engine.ts";
import type { Capability, EngineName } from "../../lib/tls/engine.ts";
import { opensslEngine } from "../../lib/tls/openssl_engine.ts";
import { testCertificates } from "./certificates.ts";
import { PROGRAM_MS, within } from "./deadline.ts";
import { Lines } from "./lines.ts";
import { flagsOfSet } from "../../scripts/permission_sets.ts";

/** Both, for tests that hold for either. */
export const ENGINES: readonly EngineName[] = ["openssl", "deno"];

/** What each says it can do: where they differ, tests hold them to it. */
export const ENGINE_CAN: Readonly<Record<EngineName, ReadonlySet<Capability>>> = {
  openssl: opensslEngine.can,
  deno: denoEngine.can,
};

/** The proxy as a process of its own, with the permissions of `deno task proxy`. */
export interface ProxyProcess extends AsyncDisposable {
  readonly pid: number;
  /** Where it listens. */
  readonly port: number;
  /** The log. */
  readonly log: Lines;
  /** What it says to its user. */
  readonly says: Lines;
  readonly status: Promise<Deno.CommandStatus>;
  /** Bytes of resident memory. */
  memory(): Promise<number>;
  /** How many descriptors it has open. */
  openFiles(): Promise<number>;
  signal(signal: Deno.Signal): void;
}

export interface ProxyOptions {
  /** Where it runs; it makes its development certificate there. */
  readonly cwd?: string;
  /** What is run in the place of `main.ts`, from the root of the project. */
  readonly program?: string;
  /** Flags of `deno run` in the place of the task's. */
  readonly granted?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Permissions beside those of `deno task proxy`, as flags. */
  readonly grants?: readonly string[];
  /**
   * Whether it gets a small heap, so that what is no longer needed is collected soon: else the heap
   * grows with the work, and whether something leaks does not show in minutes.
   */
  readonly smallHeap?: boolean;
}

/** Starts the proxy with exactly these flags, and waits until it listens. */
export async function startProxy(
  flags: readonly string[],
  options: ProxyOptions = {},
): Promise<ProxyProcess> {
  const { program = "main.ts" } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: [...granted(options), "--config", `${ROOT}/deno.json`, `${ROOT}/${program}`, ...flags],
    cwd: options.cwd ?? ROOT,
    env: { ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log = new Lines(child.stdout);
  const says = new Lines(child.stderr);
  let asked = false;
  let over = false;
  const status = child.status.then((status) => {
    over = true;
    return status;
  });

  const proxy = {
    pid: child.pid,
    log,
    says,
    status,
    memory: async () => {
      const text = await outputOf("cat", `/proc/${child.pid}/status`);
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
    },
    openFiles: async () => {
      const names = await outputOf("ls", `/proc/${child.pid}/fd`);
      return names.trimEnd().split("\n").length;
    },
    signal: (signal: Deno.Signal) => {
      asked = true;
      child.kill(signal);
    },
    async [Symbol.asyncDispose]() {
      const diedOfItself = over && !asked;
      if (!over) child.kill("SIGKILL");
      await Promise.all([status, log.ended, says.ended]);
      assert.ok(!diedOfItself, `The proxy died:\n${says.text}`);
      // "internal" is this proxy's word for a bug of its own
      const bugs = [...log.matching(/\binternal\b/), ...says.matching(/^ +at /)];
      if (program !== "main.ts") return;
      assert.deepEqual(bugs, [], `The proxy told of a bug:\n${says.text}\n${log.text}`);
    },
  };
  const listens = /^tls-proxy: listening on .*:(\d+): /;
  const listening = says.first(listens, PROGRAM_MS).catch(async (error) => {
    if (!over) child.kill("SIGKILL");
    await Promise.all([log.ended, says.ended]);
    const { code } = await status;
    throw new NotStarted(says.all, { code, cause: error });
  });
  const [, port] = await listening;
  return { ...proxy, port: Number(port) };
}

/** Runs a command of the proxy, such as `check`, to its end. */
export async function runCommand(args: readonly string[]): Promise<CommandResult> {
  const output = new Deno.Command(Deno.execPath(), {
    args: proxyArgs(args),
    stdin: "null",
  }).output();
  const { code, stdout, stderr } = await within(output, `the end of ${args.join(" ")}`, PROGRAM_MS);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What stands behind `deno`, for running the proxy as `deno task proxy` does. */
export function proxyArgs(args: readonly string[]): string[] {
  return [...runFlags(), "--config", `${ROOT}/deno.json`, `${ROOT}/main.ts`, ...args];
}

/** The proxy ended, or was ended, before it listened. */
export class NotStarted extends Error {
  override readonly name = "NotStarted";
  readonly says: readonly string[];
  readonly code: number;

  constructor(says: readonly string[], { code, cause }: { code: number; cause: unknown }) {
    super(`The proxy did not start, exit code ${code}:\n${says.join("\n")}`, { cause });
    this.says = says;
    this.code = code;
  }
}

export interface OneBackend {
  readonly engine: EngineName;
  readonly mode?: "http" | "tcp";
  /** `host:port` */
  readonly backend: string;
  readonly flags?: readonly string[];
}

/** Starts the proxy in front of one backend, with a test certificate, on a free port. */
export async function startProxyFor(
  { engine, mode = "http", backend, flags = [] }: OneBackend,
): Promise<ProxyProcess> {
  const { ec } = await testCertificates();
  const proxy = await startProxy([
    ...["--listen", "127.0.0.1:0", "--backend", backend, "--mode", mode, "--engine", engine],
    ...["--cert", ec.cert, "--key", ec.key, ...flags],
  ]);
  assert.match(proxy.says.text, new RegExp(`${mode}, ${engine} engine`));
  return proxy;
}

/** Stops the proxy as an operator would, and gives its exit code. */
export async function stopProxy(proxy: ProxyProcess, signal: Deno.Signal = "SIGTERM") {
  proxy.signal(signal);
  const { code } = await within(proxy.status, "the proxy's end");
  return code;
}

/** Megabytes: about twice what the proxy holds on to. */
const SMALL_HEAP = ["--v8-flags=--max-old-space-size=32,--max-semi-space-size=2"];

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** By a program, as the runtime lets a process look into /proc only with every permission. */
async function outputOf(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

function granted({ granted, grants = [], smallHeap = false }: ProxyOptions): string[] {
  const flags = granted === undefined
    ? [...runFlags(), ...grants]
    : ["run", "-q", "--cached-only", "--frozen", ...granted];
  return smallHeap ? [...flags, ...SMALL_HEAP] : flags;
}

/** What stands between `deno` and `main.ts` in the `proxy` task, wherever it is run. */
export function runFlags(): string[] {
  const match = /^deno (run .*) -P=proxy main\.ts$/.exec(manifest.tasks.proxy.command);
  assert.ok(match?.[1], "the proxy task runs main.ts with its permission set");
  return [...match[1].split(" "), ...flagsOfSet("proxy")];
}
