import assert from "node:assert/strict";
import { formatProblem, type Problem, sortProblems } from "./problem.ts";

function problem(severity: Problem["severity"], line: number, column: number): Problem {
  return { severity, place: { line, column }, message: "no" };
}

Deno.test("sortProblems() puts errors first, each kind in the order of the file", () => {
  const sorted = [
    problem("error", 2, 3),
    problem("error", 2, 10),
    problem("error", 10, 1),
    problem("warning", 1, 1),
    problem("warning", 3, 1),
  ];
  assert.deepEqual(sortProblems(sorted.toReversed()), sorted);
});

Deno.test("formatProblem() is one line without a caret, two more with it", () => {
  const source = { path: "p.yaml", text: "a: 1\r\nb: 2" };
  const plain = "p.yaml:2:4: no";
  assert.equal(formatProblem(problem("error", 2, 4), source, { caret: false }), plain);
  assert.equal(
    formatProblem(problem("error", 2, 4), source, { caret: true }),
    `${plain}\n    b: 2\n       ^`,
  );
  // a place behind the end, where something is missing
  assert.equal(
    formatProblem(problem("error", 3, 1), source, { caret: true }),
    "p.yaml:3:1: no\n    \n    ^",
  );
});
