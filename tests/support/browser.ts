import { type Message, type Protocol, startBrowserProcess } from "./browser_protocol.ts";
import { eventually, PROGRAM_MS, within } from "./deadline.ts";

/**
 * A real headless Chromium, driven over the Chrome DevTools Protocol. By hand, since
 * `playwright-core` runs only with every permission there is: it looks into /proc/sys as it loads.
 */
export interface Browser extends AsyncDisposable {
  /** Opens a page, and waits until it has loaded. */
  open(url: string, options?: PageOptions): Promise<Page>;
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

export interface Page {
  /** What the console and the network told of errors. */
  readonly errors: readonly string[];
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. */
  until(expression: string, what: string, ms?: number): Promise<void>;
  /** A PNG of what is seen. */
  screenshot(): Promise<Uint8Array>;
  /** Role and name of all that a screen reader is told of. */
  accessible(): Promise<readonly { readonly role: string; readonly name: string }[]>;
}

/** @param anyCertificate whether it takes certificates of authorities that it does not know */
export async function startBrowser(
  { anyCertificate = false }: { readonly anyCertificate?: boolean } = {},
): Promise<Browser> {
  const { protocol, [Symbol.asyncDispose]: dispose } = await startBrowserProcess({
    program: "chromium",
    args: (profile) => [
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      ...(anyCertificate ? ["--ignore-certificate-errors"] : []),
      ...["--no-first-run", "--disable-extensions", "--disable-background-networking"],
      ...[`--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"],
    ],
    announces: "DevToolsActivePort",
    endpoint(announced) {
      const [port, path] = announced.split("\n");
      return path === undefined ? undefined : `ws://127.0.0.1:${port}${path}`;
    },
  });
  return {
    open: (url, options = {}) =>
      within(openPage(protocol, url, options), `${url} to load`, PROGRAM_MS),
    [Symbol.asyncDispose]: dispose,
  };
}

async function openPage(
  { send, on }: Protocol,
  url: string,
  { width = 1280, height = 1000, dark = false }: PageOptions,
): Promise<Page> {
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const ask = (method: string, params?: Message) => send(method, params, sessionId);
  const errors: string[] = [];
  const loaded = Promise.withResolvers<void>();
  on((message) => {
    if (message.sessionId !== sessionId) return;
    const { method, params } = message;
    if (method === "Page.loadEventFired") loaded.resolve();
    if (method === "Runtime.exceptionThrown") {
      errors.push(String(params.exceptionDetails.exception?.description));
    }
    if (method === "Runtime.consoleAPICalled" && params.type === "error") {
      errors.push(JSON.stringify(params.args));
    }
    if (method === "Log.entryAdded" && params.entry.level === "error") {
      errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    }
  });
  for (const domain of ["Page", "Runtime", "Log", "Accessibility"]) await ask(`${domain}.enable`);
  await ask("Emulation.setDeviceMetricsOverride", {
    ...{ width, height },
    deviceScaleFactor: 1,
    mobile: false,
  });
  const scheme = { name: "prefers-color-scheme", value: dark ? "dark" : "light" };
  await ask("Emulation.setEmulatedMedia", { features: [scheme] });
  await ask("Page.navigate", { url });
  await loaded.promise;

  async function evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await ask("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  return {
    errors,
    evaluate,
    until: async (expression, what, ms) => {
      const look = async () => await evaluate<boolean>(`Boolean(${expression})`) || undefined;
      const seen = await eventually(look, what, ms).catch(async (error) => {
        const text = await evaluate<string>("document.body.innerText");
        throw new Error(`${error.message}; the page says:\n${text}\n${errors.join("\n")}`);
      });
      if (!seen) throw new TypeError("it is true or it throws");
    },
    screenshot: async () => {
      const { data } = await ask("Page.captureScreenshot", { format: "png" });
      return Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    },
    accessible: async () => {
      const { nodes } = await ask("Accessibility.getFullAXTree");
      return nodes.filter(({ ignored }: Message) => !ignored).map(({ role, name }: Message) => ({
        role: String(role?.value),
        name: String(name?.value ?? ""),
      }));
    },
  };
}
