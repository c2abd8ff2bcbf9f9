import { moveBytes } from "./head_bytes.ts";
import type { HeadLines } from "./head_lines.ts";

/** Which marked lines of a head do not go on: those of a role in `any`, unless it is in `but`. */
export interface CutRoles {
  readonly any: number;
  readonly but: number;
}

/**
 * Closes the lines that are cut over: what stands before them moves to the right, up to the first
 * line, so that what stands behind the head stays where it is.
 *
 * @returns where the lines now begin; the marks are of no use any more
 */
export function cutLines(bytes: Uint8Array, lines: HeadLines, roles: CutRoles): number {
  /** Bytes cut so far, and the end of what has to move by them. */
  let cut = 0;
  let end = 0;
  for (let mark = lines.marks - 1; mark >= 0; mark--) {
    const role = lines.role(mark);
    if (!isCut(role, roles)) continue;
    const next = lines.lineEnd(mark);
    moveBytes(bytes, next, cut === 0 ? next : end, cut);
    end = lines.lineStart(mark);
    cut += next - end;
  }
  moveBytes(bytes, lines.start, cut === 0 ? lines.start : end, cut);
  return lines.start + cut;
}

function isCut(role: number, { any, but }: CutRoles): boolean {
  return (role & any) !== 0 && (role & but) === 0;
}
