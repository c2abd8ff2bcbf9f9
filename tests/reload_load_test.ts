import assert from "node:assert/strict";
import { testCertificates } from "./support/certificates.ts";
import {
  configFile,
  type ConfiguredProxy,
  startConfigured,
  startNamed,
} from "./support/configured.ts";
import { within } from "./support/deadline.ts";
import { encodeRequest, readAnswer } from "./support/http.ts";
import { ENGINES } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

const RELOADS = 100;
const ROTATIONS = 20;
const MiB = 1024 * 1024;
/** What memory may have grown by: a leak of a snapshot for each reload would show. */
const ALLOWED_BYTES = 32 * MiB;
/** Clients of each kind. */
const CLIENTS = 4;

for (const engine of ENGINES) {
  Deno.test(`${RELOADS} reloads and ${ROTATIONS} new certificates lose nothing under load (${engine})`, async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const { ec, rsa } = await testCertificates();
    const yaml = (backend: string, extra: number) => `
listeners: [{ listen: "127.0.0.1:0", engine: ${engine} }]
certificates: [{ cert: tls.crt, key: tls.key }]
backends: { a: { servers: ["${backend}"] }, b${extra}: { servers: ["127.0.0.1:9"] } }
routes: [{ paths: [/b], backend: b${extra} }, { backend: a }]
log: { access: false }
`;
    await using config = await configFile(yaml(one.address, 0));
    const put = async ({ cert, key }: { cert: string; key: string }) => {
      for (const [from, name] of [[cert, "tls.crt"], [key, "tls.key"]] as const) {
        await Deno.copyFile(from, `${config.folder}/new`);
        await Deno.rename(`${config.folder}/new`, `${config.folder}/${name}`);
      }
    };
    await put(ec);
    // with little room for garbage, so that memory tells of what is kept: the collector would else
    // let it pile up to several times of that
    await using proxy = await startConfigured(config, {
      v8Flags: ["--max-semi-space-size=1", "--max-old-space-size=40"],
    });
    await using load = startLoad(proxy);
    // what is there for good is there after some traffic and some reloads
    for (let i = 1; i <= 10; i++) {
      await config.write(yaml(i % 2 === 0 ? one.address : two.address, i));
      await proxy.reload();
    }
    const [memory, files] = [await proxy.memory(), await proxy.openFiles()];

    for (let i = 1; i <= RELOADS; i++) {
      await config.write(yaml(i % 2 === 0 ? one.address : two.address, i));
      assert.match(await proxy.reload(), /: reloaded .*1 backend changed/);
    }
    for (let i = 1; i <= ROTATIONS; i++) {
      await put(i % 2 === 0 ? ec : rsa);
      await proxy.says.count(/: reloaded \(changed certificate files\): /, i);
    }
    const { answered, connected } = await load.stop();
    assert.ok(
      answered > RELOADS && connected > RELOADS,
      `${answered} answers, ${connected} connections`,
    );
    const grown = await proxy.memory() - memory;
    assert.ok(grown < ALLOWED_BYTES, `memory has grown by ${grown} bytes`);
    const more = await proxy.openFiles() - files;
    assert.ok(more <= 20, `${more} more files are open than before`);
  });
}

interface Load extends AsyncDisposable {
  /** Ends it, and fails where anything of it failed. */
  stop(): Promise<{ answered: number; connected: number }>;
}

/** Clients that keep their connections, and clients that make one for each request. */
function startLoad(proxy: ConfiguredProxy): Load {
  let stopped = false;
  const count = { answered: 0, connected: 0 };
  const ask = async (client: Awaited<ReturnType<typeof connectTls>>) => {
    await client.write(encodeRequest("/"));
    const { status } = await readAnswer(client);
    assert.equal(status, 200);
    count.answered++;
  };
  const keeping = async () => {
    using client = await connectTls(proxy.port);
    while (!stopped) await ask(client);
  };
  const fresh = async () => {
    while (!stopped) {
      using client = await connectTls(proxy.port);
      count.connected++;
      await ask(client);
    }
  };
  const all = Array.from({ length: CLIENTS }, () => [keeping(), fresh()]).flat();
  const done = Promise.all(all);
  done.catch(() => stopped = true);
  return {
    async stop() {
      stopped = true;
      await within(done, "the load to end");
      return count;
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      await Promise.allSettled(all);
    },
  };
}
