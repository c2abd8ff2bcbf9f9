import type { Contender } from "../contender.ts";
import { OF_BYTES } from "../setup.ts";

/** Peers that forward bytes and know nothing of HTTP, in the order of the report. */
export const TCP_PEERS: readonly Contender[] = [
  {
    name: "hitch",
    mode: "tcp",
    setups: OF_BYTES,
    product: "hitch",
    programs: ["hitch", "/usr/sbin/hitch"],
    versionFlags: ["--version"],
    async command(program, { port, backendPort, cert, key, folder }) {
      const pem = `${folder}/both.pem`;
      await Deno.writeTextFile(pem, await Deno.readTextFile(key) + await Deno.readTextFile(cert));
      const config = `${folder}/hitch.conf`;
      // as root it refuses to work, as anyone else it cannot change to another user
      const byRoot = (await Deno.stat(folder)).uid === 0;
      await Deno.writeTextFile(
        config,
        `frontend = "[127.0.0.1]:${port}"
backend = "[127.0.0.1]:${backendPort}"
pem-file = "${pem}"
tls-protos = TLSv1.3
workers = 1
daemon = off
log-level = 0
${byRoot ? 'user = "nobody"' : ""}
`,
      );
      return [program, `--config=${config}`];
    },
  },
  {
    name: "stunnel",
    mode: "tcp",
    setups: OF_BYTES,
    product: "stunnel",
    programs: ["stunnel4", "stunnel"],
    versionFlags: ["-version"],
    async command(program, { port, backendPort, cert, key, folder }) {
      const config = `${folder}/stunnel.conf`;
      await Deno.writeTextFile(
        config,
        `foreground = yes
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[bench]
accept = 127.0.0.1:${port}
connect = 127.0.0.1:${backendPort}
cert = ${cert}
key = ${key}
sslVersionMin = TLSv1.3
`,
      );
      return [program, config];
    },
  },
  {
    ...nodePipe("node-pipe", "Node"),
    programs: ["node"],
    command: (program, setting) => Promise.resolve([program, ...pipeArguments(setting)]),
  },
  {
    ...nodePipe("node-pipe-on-deno", "Deno"),
    programs: [Deno.execPath()],
    command: (program, setting) => {
      const [script = "", ...rest] = pipeArguments(setting);
      const flags = ["-q", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read=/tmp"];
      return Promise.resolve([program, "run", ...flags, script, ...rest]);
    },
  },
];

function nodePipe(name: string, product: string) {
  return { name, product, mode: "tcp", setups: OF_BYTES, versionFlags: ["--version"] } as const;
}

function pipeArguments(
  { port, backendPort, cert, key }: Parameters<Contender["command"]>[1],
): readonly string[] {
  const script = new URL("./node_pipe.mjs", import.meta.url).pathname;
  return [script, String(port), String(backendPort), cert, key];
}
