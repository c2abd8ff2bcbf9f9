/**
 * Gives `node:tls` back-pressure on reading. In this runtime a TLS handle that is told to stop
 * reading goes on reading its TCP handle, and keeps what comes: a paused socket swallowed
 * 400 MB. The handle's own `readStart` and `readStop` are wrapped so that the TCP handle beneath
 * hears them too. These are private fields: `back_pressure_test.ts` fails when they change.
 *
 * @throws {TypeError} when the runtime has no such fields
 */
export function applyBackPressure(socket: object): void {
  const tls = handleOf(socket);
  const tcp = tls._nativeTcpHandle;
  if (!isHandle(tcp)) throw new TypeError("This runtime's TLS sockets have no TCP handle beneath");
  const { readStart, readStop } = tls;
  tls.readStart = () => {
    tcp.readStart();
    return readStart.call(tls);
  };
  tls.readStop = () => {
    tcp.readStop();
    return readStop.call(tls);
  };
}

interface Handle {
  readStart(): number;
  readStop(): number;
  readonly _nativeTcpHandle?: unknown;
}

function handleOf(socket: object): Handle {
  const handle = "_handle" in socket ? socket._handle : undefined;
  if (!isHandle(handle)) throw new TypeError("This runtime's TLS sockets have no handle to pause");
  return handle;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null &&
    "readStart" in value && typeof value.readStart === "function" &&
    "readStop" in value && typeof value.readStop === "function";
}
