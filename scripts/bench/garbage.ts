/** Where V8 tells of collections, within a folder. */
export function gcLog(folder: string): string {
  return `${folder}/gc.log`;
}

/** Size of an isolate's heap around a collection: `[PID:ISOLATE] 203 ms: Scavenge 3.2 (4.2) -> 2.3 (4.5) MB`. */
const COLLECTION =
  /^\[\d+:(0x[\da-f]+)\] .*?: (?:Scavenge|Mark-Compact)[^\d]* ([\d.]+) \([\d.]+\) -> ([\d.]+) \(/;

/**
 * Bytes that were allocated between collections, of all isolates, by what `--trace-gc` prints: what a
 * heap has grown by since the one before. Buffers are not of the heap.
 */
export function allocatedBytes(trace: string): number {
  const left = new Map<string, number>();
  let megabytes = 0;
  for (const line of trace.split("\n")) {
    const [, isolate, before, after] = COLLECTION.exec(line) ?? [];
    if (isolate === undefined) continue;
    megabytes += Number(before) - (left.get(isolate) ?? Number(before));
    left.set(isolate, Number(after));
  }
  return megabytes * 1024 * 1024;
}
