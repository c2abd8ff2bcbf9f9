import { connect } from "./browser_protocol.ts";
import type { Page } from "./browser.ts";
import { eventually, within } from "./deadline.ts";

/** A real headless Firefox, driven over WebDriver BiDi; it takes any certificate. */
export interface Firefox extends AsyncDisposable {
  /** Opens a page, and waits until it has loaded. */
  open(url: string): Promise<Pick<Page, "evaluate">>;
}

export async function startFirefox(): Promise<Firefox> {
  const profile = await Deno.makeTempDir({ prefix: "tls-proxy-firefox-" });
  const child = new Deno.Command("firefox-esr", {
    args: ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"],
    // it keeps things of its own there, beside the profile
    env: { HOME: profile },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const endpoint = await eventually(
    async () => {
      const text = await Deno.readTextFile(`${profile}/WebDriverBiDiServer.json`).catch(() => "");
      const port = /"ws_port":\s*(\d+)/.exec(text)?.[1];
      return port === undefined ? undefined : `ws://127.0.0.1:${port}/session`;
    },
    "Firefox to start",
  );
  const { send, close } = await connect(endpoint);
  await send("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  return {
    async open(url) {
      const { context } = await send("browsingContext.create", { type: "tab" });
      const loaded = send("browsingContext.navigate", { context, url, wait: "complete" });
      await within(loaded, `${url} to load`);
      return {
        async evaluate(expression) {
          const { type, result, exceptionDetails } = await send("script.evaluate", {
            expression,
            target: { context },
            awaitPromise: true,
          });
          if (type !== "success") throw new Error(JSON.stringify(exceptionDetails));
          return result.value;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await close();
      child.kill("SIGKILL");
      await child.status;
      // children of the browser may still write while they end
      await eventually(
        () => Deno.remove(profile, { recursive: true }).then(() => true, () => undefined),
        "Firefox's folder to go",
      );
    },
  };
}
