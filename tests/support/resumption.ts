import { sClient } from "./engine_looks.ts";
import { runOk } from "./tools.ts";

/** Whether openssl tells of a session that was resumed: `New` or `Reused`. */
export async function resumes(port: number, flags: readonly string[]): Promise<string> {
  // a session of TLS 1.3 comes behind the handshake, with the answer at the latest
  const input = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const shown = await runOk("openssl", sClient(port, [...flags, "-ign_eof"]), { input });
  return /^(New|Reused), TLS/m.exec(shown)?.[1] ?? shown;
}

/** A file for `-sess_out` and `-sess_in`, gone when it is disposed. */
export async function sessionFile(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempFile({ prefix: "tls-proxy-session-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}
