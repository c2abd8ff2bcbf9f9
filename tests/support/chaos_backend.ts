/**
 * A backend of the chaos test, as a process: `chaos_backend.ts PORT`. It answers `/n/7` with what
 * `expectedBody` says of 7, and takes orders from standard input, a line each: how to behave.
 */
import { writeAll } from "../../lib/io/write_all.ts";
import { expectedBody } from "./chaos_answer.ts";
import { aWhile, Orders } from "./chaos_orders.ts";

const orders = new Orders();
const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
orders.take((listener.addr as Deno.NetAddr).port);
for await (const connection of listener) serve(connection).catch(() => connection.close());

async function serve(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(16 * 1024);
  let text = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return connection.close();
    text += new TextDecoder().decode(buffer.subarray(0, count));
    for (let end; (end = text.indexOf("\r\n\r\n")) >= 0; text = text.slice(end + 4)) {
      const target = text.split(" ")[1] ?? "/";
      const last = /^connection: close\r$/im.test(text.slice(0, end + 2));
      const done = await answer(connection, target);
      if (done || last) return connection.close();
    }
  }
}

/** @returns whether the connection is to be closed */
async function answer(connection: Deno.TcpConn, target: string): Promise<boolean> {
  const number = Number(/^\/n\/(\d+)$/.exec(target)?.[1] ?? -1);
  const body = number < 0 ? "fine" : await expectedBody(number);
  const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
    `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const good = number % 2 === 0 ? whole : chunked;
  switch (orders.behaviour) {
    case "good":
      await write(connection, good);
      return false;
    case "slow":
      await aWhile();
      await write(connection, good);
      return false;
    case "babble":
      await write(connection, good + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
      return false;
    case "garbage":
      await write(connection, "\x16\x03\x01 what is this?\r\n\r\n" + good);
      return false;
    case "silent":
      return true;
    case "truncate":
      await write(connection, "HTTP/1.1 200 OK\r\nContent-Len");
      return true;
  }
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  await writeAll(connection, new TextEncoder().encode(text));
}
