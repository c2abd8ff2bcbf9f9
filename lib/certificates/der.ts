/** An element of DER (X.690): its tag, and where it and its content stand. */
export interface DerElement {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array<ArrayBuffer>;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** Tags of the types that are looked for. */
export const DER = {
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  /** [0], of a type that has more to it. */
  context0: 0xa0,
} as const;

/** The element that stands at the beginning; undefined where there is no whole one. */
export function derElement(bytes: Uint8Array<ArrayBuffer>): DerElement | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  // one byte, or as many as its low bits say; a length of more than four is no file's
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 4 || bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0
    ? first
    : bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) return undefined;
  return {
    tag,
    whole: bytes.subarray(0, start + length),
    content: bytes.subarray(start, start + length),
  };
}

/** The elements that a content is made of; as far as they are whole. */
export function derElements(content: Uint8Array<ArrayBuffer>): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let rest = content; rest.length > 0;) {
    const element = derElement(rest);
    if (element === undefined) break;
    elements.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return elements;
}

/** The elements within an element; none where there is no such element. */
export function childrenOf(element: DerElement | undefined): readonly DerElement[] {
  return derElements(element?.content ?? new Uint8Array());
}
