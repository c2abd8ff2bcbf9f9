import assert from "node:assert/strict";
import { fileOutput, inTurn } from "./log_output.ts";

Deno.test("inTurn() begins a new line behind one that could not be written to its end", async () => {
  let text = "";
  let room = 8;
  const output = inTurn({
    write: (bytes) => {
      if (room === 0) return Promise.reject(new Error("No space left on device"));
      const taken = bytes.subarray(0, room);
      room -= taken.length;
      text += new TextDecoder().decode(taken);
      return Promise.resolve(taken.length);
    },
    close: () => {},
    discard: () => {},
  });
  const write = (lines: string) => output.write(new TextEncoder().encode(lines));
  await write("one\n");
  await assert.rejects(write("two and three\n"), { message: "No space left on device", taken: 4 });
  await assert.rejects(write("four\n"));
  room = Infinity;
  await write("five\n");
  assert.equal(text, "one\ntwo \nfive\n");
});

Deno.test("fileOutput() says in its own words that it cannot open what is no path", async () => {
  await assert.rejects(
    fileOutput("/tmp/a\0b"),
    /^ProxyError: Cannot open the log file \/tmp\/a\0b: /,
  );
});

Deno.test({
  name: "fileOutput() says that a device takes all permissions, and what to do instead",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const path of ["/dev/stdout", "/proc/self/fd/1"]) {
      await assert.rejects(fileOutput(path), {
        code: "bad_config",
        message:
          `Cannot open the log file ${path}: the runtime opens no such device but with all ` +
          "permissions; without log.file the log goes to standard output",
      });
    }
  },
});

Deno.test("fileOutput() says what may be missing", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.symlink("nothing", `${folder}/link`);
    for (const path of [`${folder}/link`, `${folder}/none/proxy.log`]) {
      await assert.rejects(fileOutput(path), {
        message:
          `Cannot open the log file ${path}: its folder does not exist, or it is a link to ` +
          "what does not exist",
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
