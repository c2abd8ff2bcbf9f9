/**
 * The server behind all contenders. It is not measured, so it only has to be quick: nginx with
 * files, or, where there is none, this file as a program: `deno run --allow-net backend.ts PORT`.
 *
 * The path is the size of the answer: `/1024`, or `/b/asset-0.js` to `/b/asset-63.js` for about 1 KiB.
 * What is sent to `/upload` is answered with 2 bytes; the program reads large bodies of one size alone,
 * and echoes what comes over a WebSocket.
 */
import { nginxConfig } from "./peers.ts";

/** The sizes that it has answers of, in bytes. */
export const SIZES = { tiny: 2, small: 1024, medium: 64 * 1024, large: 100_000_000 } as const;

/** The sizes of about 1 KiB that it has answers of, too. */
export const ABOUT_1_KIB: readonly number[] = Array.from({ length: 64 }, (_, i) => 992 + i);

/** Files, as quickly as possible, or the program, which can do more. */
export type BackendKind = "files" | "app";

export interface BackendSetting {
  readonly port: number;
  /** A folder of its own. */
  readonly folder: string;
  /** The nginx to use, where there is one. */
  readonly nginx: string | undefined;
}

/** Makes its files, and gives the command line that runs it. */
export async function backendCommand(
  { port, folder, nginx }: BackendSetting,
): Promise<readonly string[]> {
  if (nginx === undefined) {
    const self = new URL(import.meta.url).pathname;
    const flags = ["-q", "--no-prompt", "--allow-net=127.0.0.1"];
    return [Deno.execPath(), "run", ...flags, self, String(port)];
  }
  for (const size of [...Object.values(SIZES), ...ABOUT_1_KIB]) {
    using file = await Deno.create(`${folder}/${size}`);
    await file.truncate(size);
  }
  await Deno.mkdir(`${folder}/b`);
  for (const [index, size] of ABOUT_1_KIB.entries()) {
    using file = await Deno.create(`${folder}/b/asset-${index}.js`);
    await file.truncate(size);
  }
  const config = `${folder}/backend.conf`;
  await Deno.writeTextFile(
    config,
    nginxConfig(
      folder,
      `
  sendfile on;
  open_file_cache max=100;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location = /upload { return 200 "ok"; }
  }`,
    ),
  );
  return [nginx, "-e", "stderr", "-c", config];
}

function serve(port: number): void {
  const zeros = new Uint8Array(SIZES.medium);
  Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, async (request) => {
    if (request.headers.get("upgrade") === "websocket") return echo(request);
    const path = new URL(request.url).pathname;
    if (path === "/upload") return await take(request);
    const size = Number(path.slice(1));
    return size <= zeros.length
      ? new Response(zeros.subarray(0, size))
      : new Response(stream(zeros, size), { headers: { "content-length": String(size) } });
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

function stream(zeros: Uint8Array<ArrayBuffer>, size: number): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    pull(controller) {
      const count = Math.min(left, zeros.length);
      if (count > 0) controller.enqueue(zeros.subarray(0, count));
      left -= count;
      if (left === 0) controller.close();
    },
  });
}

if (import.meta.main) serve(Number(Deno.args[0]));
