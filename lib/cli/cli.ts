import { Command, CommanderError, Option } from "commander";
import { NODE_ENGINE_GONE } from "../config/listener_schema.ts";
import { ProxyError } from "../core/errors.ts";
import { normalizeHostName } from "../core/host_name.ts";
import { explainRequest } from "../control/explain.ts";
import { explanationLines } from "../control/explanation_lines.ts";
import { openLineWriter } from "../log/line_writer.ts";
import type { ByteOutput } from "../log/write_all.ts";
import { painter } from "../log/terminal_format.ts";
import { checkConfig } from "./check.ts";
import { type FileOutput, readConfigFile } from "./config_file.ts";
import { configFromFlags, DEFAULT_FLAGS, type Flags, UsageError } from "./flags.ts";
import { describePermissions } from "./permissions.ts";
import type { RunOutput } from "./run.ts";
import type { RunSource } from "./run_source.ts";
import { saidLine, type Say } from "./say.ts";
import { type BuildFacts, versionText } from "./version.ts";

/** What the command line works on; the process itself unless a test says otherwise. */
export interface CliHost {
  readonly stdout: ByteOutput;
  readonly stderr: ByteOutput;
  /** Whether stderr is a terminal. */
  readonly terminal: boolean;
  /** Whether stderr shows colours. */
  readonly coloured?: boolean;
  /** How it was built; undefined from source. */
  readonly build?: BuildFacts;
  /** Runs the proxy until it is told to stop; resolves with the exit code. */
  run(source: RunSource, output: RunOutput): Promise<number>;
}

/**
 * Does what the command line asks for and resolves with the exit code, everything written: 0 fine,
 * 1 a configuration or start-up error, 2 wrong flags. It never throws.
 */
export async function runCli(args: readonly string[], host: CliHost = PROCESS): Promise<number> {
  const stdout = openLineWriter(host.stdout, ALL_OF_IT);
  const stderr = openLineWriter(host.stderr, ALL_OF_IT);
  const print = (text: string) => stdout.write(text.trimEnd());
  const paint = painter(host.coloured ?? false);
  const say = (line: string) => stderr.write(saidLine(line, paint));
  const output = { tell: (line: string) => stderr.write(line), terminal: host.terminal };
  let code: number;
  try {
    code = await dispatch(args, {
      print,
      output,
      version: versionText(host.build),
      run: (source) => host.run(source, { ...output, say, onServing: () => stderr.bound() }),
    });
  } catch (error) {
    code = report(error, { args, say });
  }
  await stdout.close();
  if (stdout.dropped > 0) {
    say("Cannot write to standard output all that there is to say");
    code ||= 1;
  }
  await stderr.close();
  return code;
}

/** What a command prints for its user is never dropped: it waits for who reads it, as `head` may. */
const ALL_OF_IT = { limit: Infinity, closeTimeout: Infinity, endsWithReader: true };

/** The process itself. */
export const PROCESS: CliHost = {
  stdout: Deno.stdout,
  stderr: Deno.stderr,
  terminal: Deno.stderr.isTerminal(),
  // The runtime has read NO_COLOR for us: the variable itself is out of reach.
  coloured: Deno.stderr.isTerminal() && !Deno.noColor,
  run: async (source, output) => {
    // to the very end: a signal that nobody listens to ends the process, amid its last words say
    Deno.addSignalListener("SIGHUP", () => {});
    // the greater part of the program, which no other command needs
    const { runProxy } = await import("./run.ts");
    return await runProxy(source, output);
  },
};

interface Actions {
  print(text: string): void;
  readonly version: string;
  readonly output: FileOutput;
  run(source: RunSource): Promise<number>;
}

async function dispatch(args: readonly string[], actions: Actions): Promise<number> {
  const program = describe(actions);
  let code = 0;
  // With an action of its own commander takes an unknown command for an argument too many, and
  // suggests nothing.
  const mayBeCommand = args[0] !== undefined && !args[0].startsWith("-");
  if (!mayBeCommand) {
    program.action(async ({ config, ...flags }: Partial<Flags> & { config?: string }) => {
      if (config !== undefined) refuseFlagsBeside(program);
      code = await actions.run(
        config === undefined
          ? { kind: "flags", config: configFromFlags({ ...DEFAULT_FLAGS, ...flags }) }
          : { kind: "file", path: pathOf({ config }) },
      );
    });
  }
  await program.parseAsync(args, { from: "user" });
  return code;
}

function describe({ print, output, version }: Actions): Command {
  const program = new Command("tls-proxy")
    .description("A TLS termination proxy: plaintext to the backends, TLS to everybody else.")
    // The errors are caught and told by `report`: one line, without commander's own.
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => {}, outputError: () => {} })
    .enablePositionalOptions()
    .usage("[options]\n       tls-proxy <command> [options]")
    .version(version, "--version", "print the version, and how it was built")
    .helpOption("-h, --help", "print this page")
    .addHelpText("after", EXAMPLES)
    .hook("preSubcommand", refuseFlagsInFront);
  addRunFlags(program);
  addConfigCommand(program, "check", "validate a configuration without listening")
    .addHelpText("after", CHECK_EXAMPLES)
    .action(async (flags: ConfigFlag) => print(await checkConfig(pathOf(flags), output)));
  addConfigCommand(program, "explain", "say what would become of a request, and why")
    .argument("<url>", "such as https://api.example.com/v1/x")
    .option("--sni <name>", "the name in the handshake, where it is not the URL's", once("--sni"))
    .option("--json", "as JSON")
    .addHelpText("after", EXPLAIN_EXAMPLES)
    .action(async (url: string, { sni, json, ...flags }: ExplainFlags) => {
      const name = sni === undefined ? undefined : handshakeName(sni);
      const { loaded } = await readConfigFile(pathOf(flags), { expiredIsError: false, output });
      const explanation = explainRequest(loaded, { url, sni: name, now: new Date() });
      print(
        json === true
          ? JSON.stringify(explanation, null, 2)
          : explanationLines(explanation).join("\n"),
      );
    });
  addConfigCommand(program, "permissions", "print the permission flags that it needs")
    .addOption(new Option("--json", "as a permission set for deno.json").conflicts("systemd"))
    .option("--systemd", "as a drop-in for the unit, which may then tell systemd when it is ready")
    .addHelpText("after", PERMISSIONS_EXAMPLES)
    .action(async ({ json, systemd, ...flags }: PermissionsFlags) => {
      const form = json === true ? "json" : systemd === true ? "systemd" : "flags";
      print(await describePermissions(pathOf(flags), { form, output }));
    });
  return program;
}

const EXAMPLES = `
Examples:
  A demo: development certificate, and a backend that answers with what it received
    deno task proxy

  One backend
    deno task proxy --listen 127.0.0.1:8443 --backend 127.0.0.1:8000 --cert server.crt --key server.key

  Many names, backends and routes
    deno task proxy check --config proxy.yaml
    deno task proxy --config proxy.yaml
    deno task proxy explain --config proxy.yaml https://api.example.com/v1/x

  In production, with exactly the permissions that it needs
    deno task proxy:prod --config proxy.yaml

  Any protocol over TLS, byte by byte
    deno task proxy --mode tcp --listen :6380 --backend 127.0.0.1:6379 --cert server.crt --key server.key

SIGHUP reloads; SIGTERM and SIGINT drain and exit, a second one ends at once.
Exit codes: 0 fine, 1 configuration or start-up error, 2 wrong flags.`;

const CHECK_EXAMPLES = `
Example:
  deno task proxy check --config proxy.yaml

Tells every mistake at once, each with its place, and runs the file's own tests. 0 where there is
none, 1 where there are some; warnings alone are 0.`;

const EXPLAIN_EXAMPLES = `
Examples:
  deno task proxy explain --config proxy.yaml https://api.example.com/v1/x

  For a client whose handshake names another host than its request
    deno task proxy explain --config proxy.yaml --sni www.example.com https://api.example.com/

The request is a GET with no header field but Host.`;

const PERMISSIONS_EXAMPLES = `
Examples:
  What deno task proxy:prod runs with
    deno task proxy permissions --config proxy.yaml

  For systemd
    deno task proxy permissions --config /etc/proxy.yaml --systemd`;

function addRunFlags(program: Command): void {
  program
    .option("--listen <address>", "where to listen", once("--listen"), DEFAULT_FLAGS.listen)
    .option("--backend <address>", "where to forward to; may repeat", collect)
    .option("--cert <file>", "certificate chain (PEM); may repeat, with a --key each", collect)
    .option("--key <file>", "private key (PEM) of the --cert in the same place", collect)
    .addOption(choice("--mode <mode>", "what to forward", ["http", "tcp"], DEFAULT_FLAGS.mode))
    .addOption(engineFlag())
    .addOption(
      choice(
        "--log-level <level>",
        "how much to log",
        ["debug", "info", "warning", "error"],
        DEFAULT_FLAGS.logLevel,
      ),
    )
    .option("--no-access-log", "log no handshakes, connections and requests that went well")
    .option("--no-tls-log", "log no handshakes that went well")
    .option("--config <file>", "the YAML form, instead of all other flags", once("--config"));
}

function choice(
  flags: string,
  description: string,
  choices: readonly string[],
  value: string,
): Option {
  const option = new Option(flags, description).choices(choices).default(value);
  const { parseArg, long } = option;
  const only = once(long ?? flags);
  return option.argParser((given: string, previous: unknown) => {
    const known: unknown = parseArg?.(given, previous);
    only(given);
    return known;
  });
}

function engineFlag(): Option {
  const flag = choice(
    "--engine <engine>",
    "what does TLS",
    ["auto", "openssl", "deno"],
    DEFAULT_FLAGS.engine,
  );
  const { parseArg } = flag;
  return flag.argParser((value: string, previous: unknown) => {
    if (value === "node") throw new UsageError(`--engine: ${NODE_ENGINE_GONE}`);
    return parseArg?.(value, previous);
  });
}

/** RFC 6066, section 3: an address is none. */
function handshakeName(sni: string): string {
  const name = normalizeHostName(sni);
  if (name === undefined) throw new UsageError(`--sni: "${sni}" is not a host name`);
  return name;
}

interface ConfigFlag {
  readonly config?: string;
}

/** Not commander's own required option: that one hides a mistyped `--confg` from the user. */
function pathOf({ config }: ConfigFlag): string {
  if (config === undefined) throw new UsageError("--config is missing: say which file");
  if (config === "") throw new UsageError("--config is empty: say which file");
  return config;
}

interface ExplainFlags extends ConfigFlag {
  readonly sni?: string;
  readonly json?: boolean;
}

interface PermissionsFlags extends ConfigFlag {
  readonly json?: boolean;
  readonly systemd?: boolean;
}

function addConfigCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--config <file>", "the configuration", once("--config"));
}

/** The file says it all; a flag beside it would be silently of no effect. */
function refuseFlagsBeside(program: Command): void {
  const given = program.options.find((option) =>
    option.long !== "--config" && program.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (given !== undefined) {
    throw new UsageError(`${given.long} cannot stand beside --config: say it in the file`);
  }
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** A flag in front of a command would be the proxy's, and of no effect. */
function refuseFlagsInFront(program: Command, command: Command): void {
  const given = program.options.find((option) =>
    program.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (given === undefined) return;
  const name = command.name();
  const knows = command.options.some(({ long }) => long === given.long);
  throw new UsageError(
    knows
      ? `${given.long} stands behind the command: write ${name} ${given.flags}`
      : `${given.long} means nothing to ${name}`,
  );
}

function once(flag: string): (value: string) => string {
  let given = false;
  return (value) => {
    if (given) throw new UsageError(`${flag} is given twice`);
    given = true;
    return value;
  };
}

/** Tells an error in the way its kind asks for, and gives the exit code. */
function report(
  error: unknown,
  { args, say }: { readonly args: readonly string[]; readonly say: Say },
): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // --help and --version
    say(error.code === "commander.help" ? NO_SUCH_HELP : oneLine(error, args));
    return 2;
  }
  if (error instanceof UsageError) {
    say(error.message);
    return 2;
  }
  if (error instanceof ProxyError) {
    say(error.message);
    return 1;
  }
  // A bug: whoever reports it needs the stack.
  say(error instanceof Error ? error.stack ?? error.message : String(error));
  return 1;
}

/** Of `help` for what is no command; commander's own words for it are `(outputHelp)`. */
const NO_SUCH_HELP = "there is no such command to help with, see --help";

/** Commander's `error: unknown option '--lisen'\n(Did you mean --listen?)` in this proxy's form. */
function oneLine({ code, message }: CommanderError, args: readonly string[]): string {
  const line = message
    .replace(/^error: /, "")
    .replace(/\s*\(Did you mean/, " (did you mean")
    .replace(/\.$/, "");
  return message.includes("(Did you mean") ? line : line + wayOut(code, args);
}

/** What to write instead, where commander has no guess. */
function wayOut(code: string, args: readonly string[]): string {
  const isArgument = code === "commander.unknownCommand" || code === "commander.excessArguments";
  // as other proxies take it
  const file = args.some((arg) => /^--config(?:=|$)/.test(arg))
    ? undefined
    : args.find((arg) => /\.ya?ml$/.test(arg));
  if (isArgument && file !== undefined) return `: write --config ${file}`;
  if (code === "commander.unknownCommand") return ": without a command it runs, see --help";
  return code === "commander.unknownOption" ? ", see --help" : "";
}
