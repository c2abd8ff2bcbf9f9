import { createHash } from "node:crypto";
import page from "./dashboard.html" with { type: "text" };

/** The page that shows the proxy live, in one file and without anything from elsewhere. */
export const dashboardPage: string = page;

/**
 * What the page may do (CSP Level 3): run its own script and style, told by their digests, and talk
 * to where it came from. Markup that slipped into it could neither run nor load anything.
 */
export const DASHBOARD_CSP: string = [
  "default-src 'none'",
  `script-src ${digestOf("script")}`,
  `style-src ${digestOf("style")}`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function digestOf(element: "script" | "style"): string {
  const content = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page)?.[1];
  if (content === undefined) throw new TypeError(`The dashboard has no <${element}>`);
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
}
