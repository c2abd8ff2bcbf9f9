import type { Address } from "../core/address.ts";
import type { Opening, OpenPort, PortKeeper } from "../ports/port_keeper.ts";
import type { ConnectionEnds } from "../ports/own_sockets.ts";
import type { Channel } from "./channel.ts";
import type { ControlProcedures } from "./messages.ts";

/** Has the control plane's thread keep the ports: the system's library is open there alone. */
export class RemotePorts implements PortKeeper {
  readonly unavailable: string | undefined;
  readonly #control: Channel<ControlProcedures>;
  /** The last of the resets that were asked for, which are done in order. */
  #lastReset: Promise<void> | undefined;

  constructor(control: Channel<ControlProcedures>, unavailable: string | undefined) {
    this.#control = control;
    this.unavailable = unavailable;
  }

  claim(address: Address): Promise<number> {
    return this.#control.call("claim", address);
  }

  async open<L>({ address, noDelay, listen, close }: Opening<L>): Promise<OpenPort<L>> {
    const control = this.#control;
    await control.call("turn", undefined);
    let listener: L;
    try {
      listener = await listen();
    } catch (error) {
      control.tell("notOpened", undefined);
      throw error;
    }
    try {
      const { socket, takesOver } = await control.call("opened", { address, noDelay });
      const closeBy = async (close: () => void | Promise<void>) => {
        await control.call("closing", socket);
        // by now those that had come were accepted
        await control.call("silence", socket);
        await close();
        control.tell("closed", socket);
      };
      return { listener, takesOver, closeBy };
    } catch (error) {
      close(listener);
      throw error;
    }
  }

  free(ends: ConnectionEnds): void {
    this.#control.tell("free", ends);
  }

  reset(ends: ConnectionEnds): Promise<void> {
    return this.#lastReset = this.#control.call("reset", ends);
  }

  async settle(): Promise<void> {
    await this.#lastReset;
  }
}
