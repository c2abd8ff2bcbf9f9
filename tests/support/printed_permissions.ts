import assert from "node:assert/strict";

/** What `permissions` prints for a configuration, as flags. */
export async function printedFlags(path: string, ...form: string[]): Promise<string[]> {
  const text = await printedPermissions(path, ...form);
  // taken apart by a shell, as whoever uses it does
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", `printf '%s\\n' ${text}`],
  }).output();
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** What `permissions` prints. */
export async function printedPermissions(path: string, ...form: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", `--allow-read=${path}`, "--ignore-env"],
      ...["main.ts", "permissions", "--config", path, ...form],
    ],
    cwd: new URL("../..", import.meta.url),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd();
}
