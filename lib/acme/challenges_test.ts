import assert from "node:assert/strict";
import { ChallengeBoard, NO_CHALLENGES, tokenAnswer } from "./challenges.ts";

const CERTIFICATE = { chain: "chain", key: "key" };

Deno.test("tokenAnswer() answers pending tokens in their place, and nothing else", () => {
  const pending = { ...NO_CHALLENGES, tokens: { abc: "abc.thumb" } };
  assert.equal(tokenAnswer("/.well-known/acme-challenge/abc", pending), "abc.thumb");
  const others = ["/abc", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/abc/"];
  for (const path of [...others, "/.well-known/acme-challenge/abc?x", "*"]) {
    assert.equal(tokenAnswer(path, pending), undefined, path);
  }
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.equal(tokenAnswer(`/.well-known/acme-challenge/${name}`, pending), undefined);
  }
});

Deno.test("ChallengeBoard publishes each change, and forgets what is over", async () => {
  const published: unknown[] = [];
  const board = new ChallengeBoard((pending) => Promise.resolve(void published.push(pending)));
  const a = { ...NO_CHALLENGES, tokens: { a: "1" } };
  const b = { tokens: { b: "2" }, certificates: { "x.test": CERTIFICATE } };
  await board.put(a);
  await board.put(b);
  assert.deepEqual(board.pending, {
    tokens: { a: "1", b: "2" },
    certificates: { "x.test": CERTIFICATE },
  });
  await board.remove(b);
  assert.deepEqual(board.pending, a);
  await board.remove(a);
  assert.deepEqual(board.pending, NO_CHALLENGES);
  assert.equal(published.length, 4);
});
