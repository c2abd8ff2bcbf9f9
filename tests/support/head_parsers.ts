import { run, type Tool } from "./tools.ts";

/** A request's head as another program's parser has read it; Latin-1. */
export interface ParsedHead {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** How each head is read; undefined where it is refused. */
export type HeadParser = (heads: readonly string[]) => Promise<readonly (ParsedHead | undefined)[]>;

/** Parsers of requests that have nothing of ours. */
export const HEAD_PARSERS: Readonly<Record<string, HeadParser>> = {
  "http.server of Python": (heads) => parseBy("python3", ["-c", PYTHON], heads),
  "llhttp of Node.js": (heads) => parseBy("node", ["-e", NODE], heads),
};

async function parseBy(tool: Tool, args: readonly string[], heads: readonly string[]) {
  const input = JSON.stringify(heads);
  const { code, stdout, stderr } = await run(tool, args, { input });
  if (code !== 0) throw new Error(`${tool} failed: ${stderr}`);
  const parsed = JSON.parse(stdout) as (ParsedHead | null)[];
  return parsed.map((head) => head ?? undefined);
}

const PYTHON = `
import io, json, sys
from http.server import BaseHTTPRequestHandler

class Handler(BaseHTTPRequestHandler):
    def __init__(self, head):
        self.rfile, self.wfile = io.BytesIO(head), io.BytesIO()
        self.client_address, self.close_connection = ("", 0), True
        self.raw_requestline = self.rfile.readline(65537)
        self.read = self.parse_request() and self.rfile.read() == b""

    def log_message(self, *_):
        pass

def parse(head):
    handler = Handler(head.encode("latin-1"))
    if not handler.read or handler.headers.defects:
        return None
    return {
        "method": handler.command,
        "target": handler.raw_requestline.split()[1].decode("latin-1"),
        "version": handler.request_version,
        "fields": list(handler.headers.raw_items()),
    }

json.dump([parse(head) for head in json.load(sys.stdin)], sys.stdout)
`;

const NODE = `
const http = require("node:http");
const net = require("node:net");
const server = http.createServer({ maxHeaderSize: 1 << 20 });
const parsed = [];
server.on("request", ({ method, url, httpVersion, rawHeaders }, response) => {
  const fields = [];
  for (let i = 0; i < rawHeaders.length; i += 2) fields.push([rawHeaders[i], rawHeaders[i + 1]]);
  parsed.push({ method, target: url, version: "HTTP/" + httpVersion, fields });
  response.end();
});
server.on("clientError", (_, socket) => socket.destroy());
const ask = (port, head) => new Promise((resolve) => {
  const before = parsed.length;
  const socket = net.connect(port, "127.0.0.1", () => socket.end(Buffer.from(head, "latin1")));
  socket.resume().on("error", () => {}).on("close", () => {
    resolve(parsed.length === before + 1 ? parsed.at(-1) : null);
  });
});
let input = "";
process.stdin.setEncoding("utf8").on("data", (some) => input += some).on("end", () => {
  server.listen(0, "127.0.0.1", async () => {
    const read = [];
    for (const head of JSON.parse(input)) read.push(await ask(server.address().port, head));
    process.stdout.write(JSON.stringify(read), () => process.exit(0));
  });
});
`;
