import { startHttp } from "./backends.ts";
import { encodeAnswer, encodeRequest, readAnswer, type SeenRequest } from "./http.ts";
import { connectTls } from "./tls_client.ts";

/** An HTTP server that answers with its name, and can be made to fail its checks. */
export interface NamedServer extends AsyncDisposable {
  readonly name: string;
  /** `host:port` */
  readonly address: string;
  readonly port: number;
  /** What it got, without checks. */
  readonly requests: readonly SeenRequest[];
  /** The checks it got. */
  readonly checks: readonly SeenRequest[];
  /** Whether it passes its checks. */
  well: boolean;
  /** Ends every connection. */
  dropAll(): void;
}

/** Starts one; `/healthz` is for checks. */
export async function startNamedServer(
  name: string,
  listen: { host?: string; port?: number } = {},
): Promise<NamedServer> {
  const requests: SeenRequest[] = [];
  const checks: SeenRequest[] = [];
  const backend = await startHttp((request) => {
    const isCheck = request.target === "/healthz";
    (isCheck ? checks : requests).push(request);
    if (!isCheck) return encodeAnswer(name);
    return server.well ? encodeAnswer("all is fine") : encodeAnswer("ill", { status: 503 });
  }, { brokenOff: true, listen });
  const server: NamedServer = {
    name,
    address: backend.address,
    port: backend.port,
    requests,
    checks,
    well: true,
    dropAll: () => backend.dropAll(),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
  return server;
}

/** So many requests one after another on one connection: bodies, or statuses that are not 200. */
export async function askAll(port: number, count: number): Promise<string[]> {
  using client = await connectTls(port);
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    await client.write(encodeRequest("/"));
    const { status, body } = await readAnswer(client);
    answers.push(status === 200 ? body : String(status));
  }
  return answers;
}
