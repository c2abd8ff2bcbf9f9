import type { Page } from "./browser.ts";
import { startBrowserProcess } from "./browser_protocol.ts";

/** A real headless Firefox, driven over WebDriver BiDi; it takes any certificate. */
export interface Firefox extends AsyncDisposable {
  /** Opens a page, and waits until it has loaded. */
  open(url: string): Promise<Pick<Page, "evaluate">>;
}

export async function startFirefox(): Promise<Firefox> {
  const { protocol: { send }, [Symbol.asyncDispose]: dispose } = await startBrowserProcess({
    program: "firefox-esr",
    args: (profile) => [
      ...["--headless", "--no-remote", "--remote-debugging-port=0"],
      ...["--profile", profile],
    ],
    announces: "WebDriverBiDiServer.json",
    endpoint(announced) {
      const port = /"ws_port":\s*(\d+)/.exec(announced)?.[1];
      return port === undefined ? undefined : `ws://127.0.0.1:${port}/session`;
    },
  });
  await send("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  return {
    async open(url) {
      const { context } = await send("browsingContext.create", { type: "tab" });
      await send("browsingContext.navigate", { context, url, wait: "complete" });
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
    [Symbol.asyncDispose]: dispose,
  };
}
