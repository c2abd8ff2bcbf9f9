import { unusedPort } from "./backends.ts";
import { issueCertificate, testCertificates } from "./certificates.ts";
import { eventually, PROGRAM_MS } from "./deadline.ts";
import { Lines } from "./lines.ts";
import { run, runOk, start } from "./tools.ts";

/** A real CA that speaks ACME, and a name server that gives every name this machine's address. */
export interface Pebble extends AsyncDisposable {
  /** URL of its directory. */
  readonly directory: string;
  /** PEM file of the CA that the directory's own certificate is from. */
  readonly caFile: string;
  /** Where it looks for tokens (http-01). */
  readonly httpPort: number;
  /** Where it looks for certificates (tls-alpn-01). */
  readonly tlsPort: number;
  /** What it has logged. */
  readonly log: Lines;
  /** PEM of the root that its certificates are from. */
  root(): Promise<string>;
  /** Ends it, as a CA that is down; a later `start` begins without its accounts. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface PebbleOptions {
  /** Per cent of requests whose nonce is refused. */
  readonly badNonces?: number;
  /** Per cent of authorizations that are fine without a look. */
  readonly reuseAuthorizations?: number;
  /** An external account that has to be bound: its name and its key as base64url. */
  readonly binding?: { readonly kid: string; readonly key: string };
}

export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const { badNonces = 0, reuseAuthorizations = 0, binding } = options;
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-pebble-" });
  const { ca } = await testCertificates();
  const own = await issueCertificate({ names: ["localhost", "127.0.0.1"] });
  const [port, management, httpPort, tlsPort, dns, dnsManagement] = await Promise.all(
    Array.from({ length: 6 }, () => unusedPort()),
  ) as [number, number, number, number, number, number];
  const config = `${folder}/pebble.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: own.cert,
        privateKey: own.key,
        httpPort,
        tlsPort,
        ocspResponderURL: "",
        externalAccountBindingRequired: binding !== undefined,
        ...(binding === undefined
          ? {}
          : { externalAccountMACKeys: { [binding.kid]: binding.key } }),
      },
    }),
  );
  const names = start("pebble-challtestsrv", [
    ...["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", ""],
    ...["-tlsalpn01", "", "-dns01", `127.0.0.1:${dns}`],
    ...["-management", `127.0.0.1:${dnsManagement}`],
  ]);
  let running: ReturnType<typeof start> | undefined;
  let log: Lines | undefined;
  const pebble: Pebble = {
    directory: `https://localhost:${port}/dir`,
    caFile: ca,
    httpPort,
    tlsPort,
    get log() {
      return log as Lines;
    },
    async root() {
      return await runOk("curl", [
        ...["-s", "--fail", "--cacert", ca, `https://localhost:${management}/roots/0`],
      ]);
    },
    async start() {
      running = start("pebble", ["-config", config, "-dnsserver", `127.0.0.1:${dns}`], {
        env: {
          PEBBLE_VA_NOSLEEP: "1",
          PEBBLE_WFE_NONCEREJECT: String(badNonces),
          PEBBLE_AUTHZREUSE: String(reuseAuthorizations),
        },
      });
      log = new Lines(running.child.stdout);
      await eventually(
        async () =>
          (await run("curl", ["-s", "--cacert", ca, pebble.directory])).code === 0 || undefined,
        () => `pebble to answer: ${log?.text}`,
        PROGRAM_MS,
      );
    },
    async stop() {
      await running?.[Symbol.asyncDispose]();
      await log?.ended;
      running = undefined;
    },
    async [Symbol.asyncDispose]() {
      await pebble.stop();
      await names[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
  await pebble.start();
  return pebble;
}
