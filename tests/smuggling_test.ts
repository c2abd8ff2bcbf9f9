import assert from "node:assert/strict";
import { startHttp } from "./support/backends.ts";
import { encodeAnswer, encodeRequest, readAnswer, valuesOf } from "./support/http.ts";
import { SMUGGLED, SMUGGLING } from "./support/smuggling.ts";
import { ENGINES, startProxyFor } from "./support/start_proxy.ts";
import { connectTls } from "./support/tls_client.ts";

for (const engine of ENGINES) {
  Deno.test(`nothing is smuggled past the proxy, in ${SMUGGLING.length} ways (${engine})`, async () => {
    await using backend = await startHttp(({ target }) => encodeAnswer(target), {
      brokenOff: true,
    });
    await using proxy = await startProxyFor({ engine, backend: backend.address });
    for (const [what, bytes, outcome] of SMUGGLING) {
      const before = backend.requests.length;
      using client = await connectTls(proxy.port);
      // a good request before it, which is answered, and one behind it, which tells whether it ended
      await client.write(encodeRequest("/before") + bytes + encodeRequest("/behind"));
      assert.equal((await readAnswer(client)).body, "/before", what);
      const seen = () => backend.requests.slice(before).map(({ target }) => target);
      if (typeof outcome === "number") {
        // a body without an announcement is a request of its own to refuse, behind a good one
        let answer = await readAnswer(client);
        if (answer.status === 200 && what.startsWith("0.CL")) answer = await readAnswer(client);
        assert.equal(answer.status, outcome, what);
        assert.deepEqual(valuesOf(answer, "Connection"), ["close"], what);
        assert.equal(await client.readRest(), "", what);
        assert.ok(!seen().includes("/smuggled") && !seen().includes("/behind"), what);
      } else {
        for (const target of outcome) assert.equal((await readAnswer(client)).body, target, what);
        assert.equal((await readAnswer(client)).body, "/behind", what);
        assert.deepEqual(seen(), ["/before", ...outcome, "/behind"], what);
        for (const request of backend.requests.slice(before)) {
          const framings = [
            ...valuesOf(request, "Content-Length"),
            ...valuesOf(request, "Transfer-Encoding"),
          ];
          assert.ok(framings.length <= 1, what);
          assert.deepEqual(valuesOf(request, "Host"), ["localhost"], what);
        }
      }
    }
    assert.ok(!backend.requests.some(({ target }) => SMUGGLED.includes(` ${target} `)));
  });
}
