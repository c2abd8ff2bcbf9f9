import assert from "node:assert/strict";
import { scraping } from "./scraper.ts";

/** Serves one text while something is done, and tells of each request. */
async function served(
  text: string,
  use: (url: string, asked: Promise<void>) => Promise<void>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    resolve();
    return new Response(text);
  });
  await use(`http://127.0.0.1:${server.addr.port}/metrics`, promise);
}

Deno.test("scraping() reads metrics while the work goes on, and gives what comes of it", async () => {
  await served("# TYPE some counter\nsome 1\n", async (url, asked) => {
    const result = await scraping(url, async () => {
      await asked;
      return "done";
    });
    assert.equal(result, "done");
  });
});

Deno.test("scraping() fails where there are no metrics, behind the work", async () => {
  await served("not here", async (url) => {
    let ended = false;
    const work = () => {
      ended = true;
      return Promise.resolve();
    };
    await assert.rejects(scraping(url, work), /gave no metrics: 200 not here/);
    assert.ok(ended);
  });
});

Deno.test("scraping() fails where the work does", async () => {
  await served("# TYPE some counter\n", async (url) => {
    const work = () => Promise.reject(new Error("no answer"));
    await assert.rejects(scraping(url, work), /no answer/);
  });
});
