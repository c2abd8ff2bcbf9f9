import { runCli } from "./lib/cli/cli.ts";

const code = await runCli(Deno.args);
Deno.exit(code);
