import http from "node:http";
import type { AddressInfo } from "node:net";
import { Buffer } from "node:buffer";
import { start } from "./tools.ts";

export interface GitServer extends AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  /** Method and target of each request. */
  readonly requests: readonly string[];
  /** Whether a request's body came in chunks. */
  readonly sawChunks: boolean;
}

/**
 * Starts a smart HTTP server over the bare repositories of a folder: `git http-backend` behind as
 * much of CGI (RFC 3875) as it takes.
 */
export async function startGitServer(folder: string): Promise<GitServer> {
  const requests: string[] = [];
  let sawChunks = false;
  const server = http.createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    sawChunks ||= request.headers["transfer-encoding"] === "chunked";
    const body: Uint8Array[] = [];
    for await (const chunk of request) body.push(chunk);
    const { head, rest } = await runBackend(request, { folder, body: Buffer.concat(body) });
    const fields = head.split(/\r?\n/).map((line) => line.split(": ") as [string, string]);
    const status = fields.find(([name]) => name === "Status")?.[1] ?? "200";
    const others = fields.filter(([name]) => name !== "Status");
    response.writeHead(parseInt(status), Object.fromEntries(others));
    response.end(rest);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get sawChunks() {
      return sawChunks;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** One request by CGI: the head of its output, and the rest. */
async function runBackend(
  { method = "", url = "", headers }: http.IncomingMessage,
  { folder, body }: { folder: string; body: Uint8Array<ArrayBuffer> },
): Promise<{ head: string; rest: Uint8Array }> {
  const [path = "", query = ""] = url.split("?");
  const { child } = start("git", ["http-backend"], {
    input: body,
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "someone",
      REMOTE_ADDR: "127.0.0.1",
      REQUEST_METHOD: method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: headers["content-type"] ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: String(headers["content-encoding"] ?? ""),
      GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
    },
  });
  const writer = child.stdin.getWriter();
  await writer.write(body);
  await writer.close();
  const { stdout } = await child.output();
  const output = Buffer.from(stdout);
  const end = output.indexOf("\r\n\r\n");
  return { head: output.subarray(0, end).toString("latin1"), rest: output.subarray(end + 4) };
}
