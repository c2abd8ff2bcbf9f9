import { within } from "./deadline.ts";

// deno-lint-ignore no-explicit-any -- the protocol's messages: what they are is in its description
export type Message = Record<string, any>;

/** A connection over which a browser is driven. */
export interface Protocol {
  send(method: string, params?: Message, sessionId?: string): Promise<Message>;
  on(handler: (message: Message) => void): void;
  close(): void;
}

/** Connects to a browser that listens for commands, in the Chrome DevTools Protocol or in BiDi. */
export async function connect(url: string): Promise<Protocol> {
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
  );
  return {
    send(method, params = {}, sessionId) {
      const id = ++last;
      const answer = Promise.withResolvers<Message>();
      answers.set(id, answer);
      socket.send(JSON.stringify({ id, method, params, sessionId }));
      return within(answer.promise, `the browser's ${method}`);
    },
    on: (handler) => void handlers.push(handler),
    close: () => {
      socket.close();
      return closed;
    },
  };
}
