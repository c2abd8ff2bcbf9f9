/**
 * A server that can do more than files: `deno run --allow-net backend_program.ts PORT`. The path is the
 * size of the answer. It reads uploads of one size alone, and echoes what comes over a WebSocket.
 */
import { SIZES } from "./answers.ts";

function serve(port: number): void {
  const zeros = new Uint8Array(SIZES.medium);
  Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
    if (request.headers.get("upgrade") === "websocket") return echo(request);
    const path = new URL(request.url).pathname;
    if (path === "/upload") return await take(request);
    return new Response(zeros.subarray(0, Number(path.slice(1))));
  });
}

function echo(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  // a client that is done just closes
  socket.onerror = (event) => event.preventDefault();
  return response;
}

/** Answers when a body has come whole. */
async function take(request: Request): Promise<Response> {
  let bytes = 0;
  for await (const chunk of request.body ?? []) bytes += chunk.length;
  const whole = bytes === SIZES.large;
  return new Response("ok", { status: whole ? 200 : 400 });
}

if (import.meta.main) serve(Number(Deno.args[0]));
