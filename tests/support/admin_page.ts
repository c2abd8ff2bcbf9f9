import type { Status } from "../../lib/metrics/status.ts";
import type { ServerStates } from "./chaos_trouble.ts";
import { encodeRequest, readAnswer } from "./http.ts";
import type { ProxyProcess } from "./start_proxy.ts";
import { connectTcp } from "./tls_client.ts";

/** What a proxy with `admin` tells, each time on a connection of its own that is closed behind it. */
export class AdminPage implements ServerStates {
  readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  static async of(proxy: ProxyProcess): Promise<AdminPage> {
    const [, port] = await proxy.says.first(/admin page: http:\S+:(\d+)\/$/);
    return new AdminPage(Number(port));
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.#get("/status"));
  }

  /** The sum of a metric's samples; a label, such as `kind="heap_used"`, leaves the others out. */
  async metric(name: string, label = ""): Promise<number> {
    return (await this.#get("/metrics")).split("\n")
      .filter((line) => /^[a-z_]+/.exec(line)?.[0] === name && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  async isDown(address: string): Promise<boolean> {
    const { backends } = await this.status();
    const server = backends.flatMap(({ servers }) => servers).find(({ name }) => name === address);
    return server?.state === "down";
  }

  async #get(path: string): Promise<string> {
    using connection = await connectTcp(this.port);
    const fields = ["Connection: close"];
    await connection.write(encodeRequest(path, { host: `127.0.0.1:${this.port}`, fields }));
    const { body } = await readAnswer(connection);
    return body;
  }
}
