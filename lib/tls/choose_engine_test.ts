import assert from "node:assert/strict";
import { type Capability } from "./engine.ts";
import { chooseEngine, type EngineQuestion, type Need } from "./choose_engine.ts";

const NAMES: Need = { capability: "strict_sni", why: "names are to be refused", strict: true };
const FACTS: Need = { capability: "protocol_facts", why: "ciphers are logged", strict: false };
const SEEN: Need = { capability: "truncation_seen", why: "it must", strict: true };

const DENO_CAN: ReadonlySet<Capability> = new Set(["truncation_seen"]);
const MISSING = "OpenSSL 3 is not installed";

interface Machine {
  readonly openssl?: string;
  readonly deno?: string;
}

function choose(
  question: Partial<Pick<EngineQuestion, "wanted" | "needs">>,
  { openssl, deno }: Machine = {},
) {
  return chooseEngine({
    wanted: "auto",
    needs: [],
    openssl: { can: new Set(), unavailable: openssl },
    deno: { can: DENO_CAN, unavailable: deno },
    ...question,
  });
}

Deno.test("chooseEngine() takes OpenSSL where it is there", () => {
  const reason = "the best there is here, it does all that can be asked";
  assert.deepEqual(choose({}), { engine: "openssl", reason });
  assert.deepEqual(choose({ needs: [SEEN, FACTS, NAMES] }), { engine: "openssl", reason });
});

Deno.test("chooseEngine() takes the runtime's engine without OpenSSL, and says what is lost", () => {
  const here = { openssl: MISSING };
  assert.deepEqual(choose({ needs: [SEEN] }, here), { engine: "deno", reason: MISSING });
  assert.deepEqual(choose({ needs: [SEEN, FACTS] }, here), {
    engine: "deno",
    reason: `${MISSING}; not done without it: ciphers are logged`,
  });
  assert.throws(() => choose({ needs: [FACTS, NAMES] }, here), {
    code: "bad_config",
    message: `names are to be refused (strict_sni): it takes the openssl engine, and ${MISSING}`,
  });
  assert.throws(() => choose({}, { ...here, deno: "no libc" }), {
    code: "bad_config",
    message: `No engine can be used: ${MISSING}, and for the deno engine no libc`,
  });
});

Deno.test("chooseEngine() takes what is asked for, unless it would do something else", () => {
  assert.deepEqual(choose({ wanted: "openssl" }), { engine: "openssl", reason: "asked for" });
  assert.throws(() => choose({ wanted: "openssl" }, { openssl: MISSING }), {
    code: "bad_config",
    message: `The openssl engine cannot be used: ${MISSING}`,
  });
  assert.deepEqual(choose({ wanted: "deno", needs: [FACTS, SEEN] }), {
    engine: "deno",
    reason: "asked for",
  });
  assert.throws(() => choose({ wanted: "deno", needs: [FACTS, NAMES] }), {
    code: "bad_config",
    message: "The deno engine cannot be used: names are to be refused (strict_sni)",
  });
});
