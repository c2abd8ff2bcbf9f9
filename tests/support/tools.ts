import assert from "node:assert/strict";
import { PROGRAM_MS } from "./deadline.ts";

/** Where Debian has what serves; a user's PATH need not lead there. */
const SBIN = "/usr/sbin";

/** The Debian package of each program that tests drive. */
const PACKAGES = {
  cat: "coreutils",
  curl: "curl",
  git: "git",
  h2load: "nghttp2-client",
  haproxy: "haproxy",
  nghttp: "nghttp2-client",
  node: "nodejs",
  mkfifo: "coreutils",
  nginx: "nginx-light",
  openssl: "openssl",
  pebble: "pebble",
  "pebble-challtestsrv": "pebble",
  prlimit: "util-linux",
  python3: "python3",
  // Debian's own, which has Debian's modules: another may come before it in PATH
  "/usr/bin/python3": "python3-h2",
  "redis-server": "redis-server",
  "redis-cli": "redis-tools",
  stunnel4: "stunnel4",
} as const;

export type Tool = keyof typeof PACKAGES;

export interface RunOptions {
  /** Given on standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array<ArrayBuffer>;
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds until it is taken to hang, where it has much to do. */
  readonly patience?: number;
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as bytes. */
  readonly bytes: Uint8Array;
}

/** Runs a program to its end, whatever its exit code. */
export async function run(
  tool: Tool,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Run> {
  const { child } = start(tool, args, options);
  const timer = setTimeout(() => kill(child), options.patience ?? PROGRAM_MS);
  try {
    const writing = writeInput(child, options.input);
    const { code, signal, stdout, stderr } = await child.output();
    await writing;
    assert.notEqual(signal, "SIGKILL", `${tool} ${args.join(" ")} did not end`);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), bytes: stdout };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program that has to succeed, and gives its standard output. */
export async function runOk(
  tool: Tool,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(tool, args, options);
  assert.equal(code, 0, `${tool} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A program that goes on until it is disposed. */
export interface RunningTool extends AsyncDisposable {
  readonly child: Deno.ChildProcess;
}

/** Starts a program that serves. */
export function start(tool: Tool, args: readonly string[], options: RunOptions = {}): RunningTool {
  const child = spawn(tool, args, options);
  return {
    child,
    async [Symbol.asyncDispose]() {
      kill(child);
      if (!child.stdout.locked) await child.stdout.cancel();
      if (!child.stderr.locked) await child.stderr.cancel();
      await child.status;
    },
  };
}

function spawn(
  tool: Tool,
  args: readonly string[],
  { input, cwd, env }: RunOptions,
): Deno.ChildProcess {
  for (const program of [tool, `${SBIN}/${tool}`]) {
    try {
      return new Deno.Command(program, {
        args: [...args],
        ...(cwd === undefined ? {} : { cwd }),
        ...(env === undefined ? {} : { env: { ...env } }),
        stdin: input === undefined ? "null" : "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`${tool} is not here: apt-get install ${PACKAGES[tool]}`);
}

async function writeInput(child: Deno.ChildProcess, input: RunOptions["input"]): Promise<void> {
  if (input === undefined) return;
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
  } catch {
    // it ended without reading all
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has ended
  }
}
