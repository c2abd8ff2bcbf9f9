import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { RUNTIME_FLAGS } from "../lib/permissions/runtime_flags.ts";
import { PERMISSION_SETS } from "../scripts/permission_sets.ts";

/**
 * Why a permission set grants a kind as a whole, or what comes close to it. What is not here may
 * not be in `deno.json`.
 */
const REASONS: Readonly<Record<string, string>> = {
  "proxy net": "the flags name addresses that a task cannot know; proxy:prod grants exactly those",
  "proxy read": "the flags name files that a task cannot know; proxy:prod grants exactly those",
  "proxy ffi": "OpenSSL calls back, which takes all libraries; given up before it serves",
  "compile read": "the configuration to be compiled for stands anywhere",
  "chaos read": "files in temporary folders, of which the names are not known before",
  "soak read": "the same",
  "soak ffi": "strangers among its clients send records that no library sends",
  "fuzz read": "the same",
  "fuzz ffi": "a client that sends records which no library sends, with the keys of OpenSSL",
  "test ffi": "the same, for tests of it",
  "test net": "servers and clients on ports of the system's choice",
  "test read": "files in temporary folders, of which the names are not known before",
  "test write": "the same",
  "test run": "the programs that the tests drive",
};

/** The same for flags beside the sets, here and in scripts. */
const FLAGS: Readonly<Record<string, string>> = {
  "scripts/proxy_prod.sh --allow-read": "reads the configuration only to print what it needs",
};

const TASKS: readonly (readonly [name: string, command: string])[] = Object.entries(manifest.tasks)
  .map(([name, { command }]) => [name, command]);

Deno.test("every permission set grants kinds as a whole only for a reason", () => {
  const whole = [...PERMISSION_SETS].flatMap(([name, set]) =>
    Object.entries(set).filter(([, granted]) => granted === true).map(([kind]) => `${name} ${kind}`)
  );
  assert.deepEqual(whole.sort(), Object.keys(REASONS).sort());
});

Deno.test("every task that runs a program of ours runs it with a set of its own", () => {
  for (const [name, command] of TASKS) {
    for (const part of denoCommands(command)) {
      if (/^deno (?:fmt|lint|check|task) /.test(`${part} `)) continue;
      const set = /^deno (?:run|test) .*-P=(\w+)/.exec(part)?.[1];
      assert.ok(set !== undefined && PERMISSION_SETS.has(set), `${name}: ${part}`);
      assert.match(part, / --no-prompt\b/, name);
    }
  }
});

Deno.test("no task takes the path of the runtime apart at its spaces", () => {
  for (const [name, command] of TASKS) assert.doesNotMatch(command, /(?<!")\$\(/, name);
});

Deno.test("every way to start the proxy has the same flags of the runtime", async () => {
  const script = await Deno.readTextFile(new URL("../scripts/proxy_prod.sh", import.meta.url));
  for (const flag of RUNTIME_FLAGS) {
    assert.ok(manifest.tasks.proxy.command.split(" ").includes(flag), flag);
    assert.match(script, new RegExp(`^heap=${flag}$`, "m"));
  }
  assert.match(script, /^exec .* "\$heap" "\$@"$/m);
});

Deno.test("no task and no script runs with everything, or a bare grant without a reason", async () => {
  const texts = new Map(TASKS.map(([name, command]) => [`task ${name}`, command]));
  for await (const file of programs()) texts.set(file, await Deno.readTextFile(file));
  assert.ok(texts.size > TASKS.length + 5, "there are scripts to look at");
  const bare: string[] = [];
  for (const [where, text] of texts) {
    const code = text.split("\n").filter((line) => !/^\s*(?:#|\/\/|\*|\/\*)/.test(line)).join("\n");
    assert.doesNotMatch(code, /(?:^|[\s"'`])(?:-A|--allow-all)\b/m, where);
    assert.doesNotMatch(code, /\bdeno eval\b/, `${where}: eval grants everything`);
    for (const [, flag] of code.matchAll(/(--allow-[a-z]+)(?![a-z=-])/g)) {
      bare.push(`${where} ${flag}`);
    }
  }
  assert.deepEqual([...new Set(bare)].sort(), Object.keys(FLAGS).sort());
});

/** Each call of deno in a task, those inside others too. */
function denoCommands(command: string): string[] {
  return command.split(/&&|\$\(|\)/).map((part) => part.trim()).filter((part) =>
    part.startsWith("deno ")
  );
}

/** What is run: scripts, deployment files, CI; not tests. */
async function* programs(folder = "."): AsyncGenerator<string> {
  const roots = folder === "." ? ["scripts", ".ci"] : [];
  for (const root of roots) yield* programs(root);
  if (folder === ".") return;
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(`../${folder}`, import.meta.url))
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* programs(path);
    else if (!name.endsWith("_test.ts")) yield path;
  }
}

Deno.test("no package runs a script of its own when it is installed, and nobody is asked about it", async () => {
  const lock: Lock = JSON.parse(await Deno.readTextFile(new URL("../deno.lock", import.meta.url)));
  const wanting = Object.entries(lock.npm).flatMap(([name, { scripts }]) =>
    scripts === true ? [`npm:${name.replace(/(?!^)@.*$/, "")}`] : []
  );
  assert.deepEqual(manifest.allowScripts, { deny: wanting });
});

/** As much of the lock file as is looked at. */
interface Lock {
  readonly npm: Readonly<Record<string, { readonly scripts?: boolean }>>;
}
