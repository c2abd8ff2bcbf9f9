import { NOTIFY_VARIABLE, RUNTIME_VARIABLE } from "../permissions/grants.ts";
import { messageOf } from "../core/errors.ts";
import type { Say } from "./say.ts";

/** What a service manager is told, see sd_notify(3). */
export type ServiceState = "READY=1" | "STOPPING=1";

/**
 * Tells systemd how the service is, where it asked for that (`Type=notify`) and the process may
 * answer: a datagram from a socket of its own in the unit's runtime directory, as this runtime sends
 * none from a socket without a name. A failure is told and nothing more: the service itself works.
 */
export async function tellServiceManager(state: ServiceState, say: Say): Promise<void> {
  const manager = variable(NOTIFY_VARIABLE);
  const folder = variable(RUNTIME_VARIABLE);
  if (manager === undefined || folder === undefined) return;
  const path = `${folder}/notify`;
  try {
    if (!("listenDatagram" in Deno)) throw new Error("--unstable-net is not given");
    const socket = Deno.listenDatagram({ transport: "unixpacket", path });
    try {
      const bytes = new TextEncoder().encode(state);
      await socket.send(bytes, { transport: "unixpacket", path: manager });
    } finally {
      socket.close();
      await Deno.remove(path);
    }
  } catch (error) {
    say(`Cannot tell the service manager ${state}: ${messageOf(error)}`);
  }
}

/** Undefined, too, where it may not be read. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) || undefined : undefined;
}
