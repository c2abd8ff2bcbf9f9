import { runProgram } from "./lib/cli/program.ts";

await runProgram();
