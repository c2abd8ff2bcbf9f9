import { textOf } from "./text.ts";
import { CODE_LENGTHS, CODES, END_OF_STRING } from "./huffman_code.ts";

/**
 * The text that a Huffman code says (RFC 7541, section 5.2), a character a byte; undefined where it
 * is malformed: the end-of-string symbol, or padding that is longer than 7 bits or not all ones.
 */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number): string | undefined {
  const most = Math.ceil((to - from) * 8 / SHORTEST_CODE);
  if (most > scratch.length) scratch = new Uint8Array(most * 2);
  const text = scratch;
  let length = 0;
  let entry = MAY_END;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    entry = STEPS[((entry & STATE) << 4) | (byte >> 4)] as number;
    if ((entry & EMITS) !== 0) text[length++] = entry >> SYMBOL_SHIFT;
    // a failure is a state that leads to itself alone
    entry = STEPS[((entry & STATE) << 4) | (byte & 0xf)] as number;
    if ((entry & EMITS) !== 0) text[length++] = entry >> SYMBOL_SHIFT;
  }
  return (entry & MAY_END) === 0 ? undefined : textOf(text, 0, length);
}

/** Bytes of the code of a text of one character a byte. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)] as number;
  return (bits + 7) >> 3;
}

/** Writes the code of a text where there is room for it. @returns where the next byte goes */
export function huffmanEncode(text: string, into: Uint8Array, start: number): number {
  let at = start;
  let byte = 0;
  let room = 8;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const code = CODES[symbol] as number;
    for (let left = CODE_LENGTHS[symbol] as number; left > 0;) {
      const taken = Math.min(room, left);
      left -= taken;
      room -= taken;
      byte |= ((code >>> left) & ((1 << taken) - 1)) << room;
      if (room > 0) continue;
      into[at++] = byte;
      byte = 0;
      room = 8;
    }
  }
  // padding is the first bits of the end-of-string symbol, all ones
  if (room < 8) into[at++] = byte | ((1 << room) - 1);
  return at;
}

/** Bits of the shortest code. */
const SHORTEST_CODE = Math.min(...CODE_LENGTHS);

/*
 * The decoder is a machine that takes four bits at a time. Its states are the inner nodes of the
 * code's tree, of which there are 256, and one for failure. What a step says:
 */
const STATE = 0x1ff;
const EMITS = 1 << 9;
/** Whether text may end here: what came since the last symbol is padding. */
const MAY_END = 1 << 10;
const SYMBOL_SHIFT = 11;
const STEPS = steps();
let scratch = new Uint8Array(4096);

interface Node {
  readonly state: number;
  /** What 0 and 1 lead to: a node, a symbol, or nothing. */
  readonly next: (Node | number | undefined)[];
  readonly isPadding: boolean;
}

function steps(): Uint32Array {
  const nodes = codeTree();
  const failure = nodes.length;
  const table = new Uint32Array((failure + 1) * 16).fill(failure);
  for (const node of nodes) {
    for (let bits = 0; bits < 16; bits++) {
      table[(node.state << 4) | bits] = stepFrom(node, bits, nodes[0] as Node) ?? failure;
    }
  }
  return table;
}

/** At most one symbol ends within four bits, as none is shorter than five. */
function stepFrom(start: Node, bits: number, root: Node): number | undefined {
  let node = start;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.next[(bits >> bit) & 1];
    if (next === undefined || next === END_OF_STRING) return undefined;
    if (typeof next === "number") emitted = EMITS | (next << SYMBOL_SHIFT);
    node = typeof next === "number" ? root : next;
  }
  return node.state | emitted | (node.isPadding ? MAY_END : 0);
}

/** The nodes of the tree, of which the first is its root. */
function codeTree(): Node[] {
  const nodes: Node[] = [];
  const grow = (depth: number, ones: boolean): Node => {
    const node = { state: nodes.length, next: [], isPadding: ones && depth < 8 };
    nodes.push(node);
    return node;
  };
  const root = grow(0, true);
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    const code = CODES[symbol] as number;
    const length = CODE_LENGTHS[symbol] as number;
    let node = root;
    let ones = true;
    for (let depth = 1; depth < length; depth++) {
      const bit = (code >>> (length - depth)) & 1;
      ones &&= bit === 1;
      node = (node.next[bit] ??= grow(depth, ones)) as Node;
    }
    node.next[code & 1] = symbol;
  }
  return nodes;
}
