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
  async run(command: readonly string[], timeoutMs = 60_000): Promise<string> {
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
    const { success, code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
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
    askToEnd(child);
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

function askToEnd(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // it has ended already
  }
}

/** By a shell: `Deno.kill` is only for who may run anything. No process of the group may be left. */
async function killGroup(leader: number): Promise<void> {
  const script = `kill -s KILL -- -${leader}`;
  await new Deno.Command("sh", { args: ["-c", script], stdout: "null", stderr: "null" }).output();
}
