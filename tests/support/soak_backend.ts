/**
 * A backend of the soak, as a process: `soak_backend.ts PORT`. It serves what the servers of the
 * chaos test do not: uploads, downloads, WebSockets. Its name is in each answer.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { expectedBody, expectedDownload } from "./chaos_answer.ts";
import { aWhile, Orders } from "./chaos_orders.ts";

const orders = new Orders();
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0]),
  onListen: ({ port }) => void orders.take(port),
  // who has left is answered no more
  onError: () => new Response(null, { status: 500 }),
}, answer);
const headers = { "x-server": `${server.addr.port}`, "content-type": "text/plain" };

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const [, what, number] = /(\w+)(?:\/(\d+))?$/.exec(pathname) ?? [];
  switch (what) {
    case "ws":
      return echo(request);
    case "upload":
      return new Response(await told(request), { headers });
    case "slow":
      await aWhile();
      return new Response("slow", { headers });
    case "big":
      return new Response(await expectedDownload(96), { headers });
    case "download":
      return new Response(stream(await expectedDownload(Number(number))), { headers });
    case "n":
      return new Response(await expectedBody(Number(number)), { headers });
    default:
      return new Response("fine", { headers });
  }
}

/** What has come of a body: how many bytes, and their hash. */
async function told({ body }: Request): Promise<string> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    hash.update(part);
  }
  return `${size} ${hash.digest("hex")}`;
}

/** The text in pieces, of no length that is told. */
function stream(text: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  const bytes = Buffer.from(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += 50_000));
    },
  });
}

function echo(request: Request): Response {
  // a server that was stopped for a while is to send no pings: clients look for the echo alone
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.onmessage = ({ data }) => socket.send(data);
  socket.onerror = () => {};
  return response;
}
