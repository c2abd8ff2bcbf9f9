/** A process that runs until it is stopped. */
export interface Running {
  readonly pid: number;
  /** The command line, for messages. */
  readonly command: string;
  /** Settles when it and its descendants have ended, by itself or on `stop`. */
  readonly ended: Promise<Deno.CommandStatus>;
}

export interface StartOptions {
  /** The core to run on; without it, where the bench itself runs. */
  readonly core?: number | undefined;
  readonly cwd?: string;
}

export interface RunOptions {
  /** How long it may take. Default: a minute. */
  readonly timeoutMs?: number;
  /** Is given each line of standard output as it comes, and what interrupts the command (SIGINT). */
  readonly onLine?: (line: string, interrupt: () => void) => void;
}

/** Milliseconds a process has to end after SIGTERM before it is killed. */
const STOP_MS = 5_000;

/** All processes of a bench, so that none outlives it. */
export class Processes implements AsyncDisposable {
  readonly #running = new Map<Running, Deno.ChildProcess>();
  #closed = false;

  /** Starts a process with its output to nowhere. */
  start(command: readonly string[], { core, cwd }: StartOptions = {}): Running {
    const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
    return this.#spawn(pinned, { stdin: "null", stdout: "null", stderr: "null", ...cwdOf(cwd) })
      .running;
  }

  /**
   * Runs a command to its end.
   *
   * @returns what it wrote, standard error behind standard output
   * @throws {Error} where it takes longer than `timeoutMs` or fails
   */
  async run(
    command: readonly string[],
    { timeoutMs = 60_000, onLine }: RunOptions = {},
  ): Promise<string> {
    const { running, child } = this.#spawn(command, {
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.stop(running);
    }, timeoutMs);
    const interrupt = () => ask(child, "SIGINT");
    const [out, err, { success, code }] = await Promise.all([
      textOf(child.stdout, (line) => onLine?.(line, interrupt)),
      textOf(child.stderr),
      child.status,
    ]);
    clearTimeout(timer);
    if (late) throw new Error(`${running.command} was not done within ${timeoutMs / 1000} s`);
    if (!success) {
      throw new Error(`${running.command} ended with code ${code}: ${err.trim()}`);
    }
    return out + err;
  }

  /**
   * Ends a process and its descendants.
   *
   * @returns whether it ended when it was asked to; otherwise it was killed
   */
  async stop(running: Running): Promise<boolean> {
    const child = this.#running.get(running);
    if (child === undefined) return true;
    ask(child, "SIGTERM");
    let killed = false;
    const timer = setTimeout(async () => {
      killed = true;
      await killGroup(running.pid);
    }, STOP_MS);
    await running.ended;
    clearTimeout(timer);
    return !killed;
  }

  /** Stops all that still run, and lets no more start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running.keys()].map((running) => this.stop(running)));
  }

  #spawn(
    command: readonly string[],
    options: Deno.CommandOptions,
  ): { running: Running; child: Deno.ChildProcess } {
    if (this.#closed) throw new Error("The bench is ending");
    const [program = "", ...args] = command;
    // in a group of its own: one that crashes leaves children, which only the group still leads to
    const child = new Deno.Command(program, { ...options, args, detached: true }).spawn();
    const ended = child.status.then(async (status) => {
      await killGroup(child.pid);
      this.#running.delete(running);
      return status;
    });
    const running = { pid: child.pid, command: command.join(" "), ended };
    this.#running.set(running, child);
    return { running, child };
  }
}

function cwdOf(cwd: string | undefined): { cwd?: string } {
  return cwd === undefined ? {} : { cwd };
}

/** All that is written, with each line as soon as it is there. */
async function textOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void = () => {},
): Promise<string> {
  let text = "";
  let begin = 0;
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end; (end = text.indexOf("\n", begin)) >= 0; begin = end + 1) {
      onLine(text.slice(begin, end));
    }
  }
  return text;
}

function ask(child: Deno.ChildProcess, signal: "SIGTERM" | "SIGINT"): void {
  try {
    child.kill(signal);
  } catch {
    // it has ended already
  }
}

/** By a shell: `Deno.kill` is only for who may run anything. No process of the group may be left. */
async function killGroup(leader: number): Promise<void> {
  const script = `kill -s KILL -- -${leader}`;
  await new Deno.Command("sh", { args: ["-c", script], stdout: "null", stderr: "null" }).output();
}
