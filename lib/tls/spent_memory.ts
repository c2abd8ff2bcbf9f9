/**
 * Gives back at once what bytes lie in that nobody will look at again. Such memory is outside of
 * the runtime's heap: left to the garbage collector, that of a large upload cost more than what the
 * collector was run for, and each piece lay in memory that no cache knew. The caller must be the
 * last who knows the bytes.
 */
export function freeSpent(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // to free little costs more than it saves, and a part of a buffer is not all that is in it
  if (bytes.length < WORTHWHILE_BYTES || bytes.length !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

const WORTHWHILE_BYTES = 4 * 1024;

/**
 * Has what a `node:tls` socket receives be freed once it is decrypted. It goes by a private field:
 * where a runtime has none, everything is as it was.
 *
 * @returns whether it does
 */
export function freeSpentInput(socket: object): boolean {
  const handle = "_handle" in socket ? socket._handle : undefined;
  if (!isReceiver(handle)) return false;
  const { receive } = handle;
  handle.receive = (bytes) => {
    receive.call(handle, bytes);
    freeSpent(bytes);
  };
  return true;
}

interface Receiver {
  /** Takes bytes from the network, and copies them. */
  receive(bytes: Uint8Array): void;
}

function isReceiver(value: unknown): value is Receiver {
  return typeof value === "object" && value !== null && "receive" in value &&
    typeof value.receive === "function";
}
