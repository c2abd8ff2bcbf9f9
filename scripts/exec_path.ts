/**
 * Prints where the running Deno stands, for tasks that grant the right to run it: in a task's shell,
 * `$(deno run … scripts/exec_path.ts)`.
 */
Deno.stdout.writeSync(new TextEncoder().encode(`${Deno.execPath()}\n`));
