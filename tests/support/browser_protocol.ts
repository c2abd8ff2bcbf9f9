import { eventually, PROGRAM_MS, within } from "./deadline.ts";

// deno-lint-ignore no-explicit-any -- the protocol's messages: what they are is in its description
export type Message = Record<string, any>;

/** How a browser is started. */
export interface BrowserCommand {
  readonly program: string;
  /** @param profile the folder that it may keep things in */
  readonly args: (profile: string) => readonly string[];
  /** What it writes in its profile once it listens. */
  readonly announces: string;
  /** The URL of a WebSocket that it listens on, by what it has written; undefined for not yet. */
  readonly endpoint: (announced: string) => string | undefined;
}

/** A browser that runs, with a profile of its own. */
export interface BrowserProcess extends AsyncDisposable {
  readonly protocol: Protocol;
}

/** Starts a browser and waits until it can be driven. */
export async function startBrowserProcess(
  { program, args, announces, endpoint }: BrowserCommand,
): Promise<BrowserProcess> {
  const profile = await Deno.makeTempDir({ prefix: "tls-proxy-browser-" });
  const child = new Deno.Command(program, {
    args: [...args(profile)],
    // some keep things there, beside the profile
    env: { HOME: profile },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = await eventually(
    async () => endpoint(await Deno.readTextFile(`${profile}/${announces}`).catch(() => "")),
    `${program} to start`,
    PROGRAM_MS,
  );
  const protocol = await connect(url);
  return {
    protocol,
    async [Symbol.asyncDispose]() {
      await protocol.close();
      child.kill("SIGKILL");
      await child.status;
      // children of the browser may still write while they end
      await eventually(
        () => Deno.remove(profile, { recursive: true }).then(() => true, () => undefined),
        "the browser's folder to go",
      );
    },
  };
}

/** A connection over which a browser is driven. */
export interface Protocol {
  send(method: string, params?: Message, sessionId?: string): Promise<Message>;
  on(handler: (message: Message) => void): void;
  close(): Promise<void>;
}

/** Connects to a browser that listens for commands, in the Chrome DevTools Protocol or in BiDi. */
async function connect(url: string): Promise<Protocol> {
  const socket = new WebSocket(url);
  const answers = new Map<number, PromiseWithResolvers<Message>>();
  const handlers: ((message: Message) => void)[] = [];
  let last = 0;
  socket.onmessage = ({ data }) => {
    const message: Message = JSON.parse(data);
    const answer = answers.get(message.id);
    if (answer === undefined) return handlers.forEach((handler) => handler(message));
    answers.delete(message.id);
    if (message.error) answer.reject(new Error(JSON.stringify(message.error)));
    else answer.resolve(message.result);
  };
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  await within(
    new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`Cannot reach ${url}`));
    }),
    "the browser",
    PROGRAM_MS,
  );
  return {
    send(method, params = {}, sessionId) {
      const id = ++last;
      const answer = Promise.withResolvers<Message>();
      answers.set(id, answer);
      socket.send(JSON.stringify({ id, method, params, sessionId }));
      return within(answer.promise, `the browser's ${method}`, PROGRAM_MS);
    },
    on: (handler) => void handlers.push(handler),
    close: () => {
      socket.close();
      return closed;
    },
  };
}
