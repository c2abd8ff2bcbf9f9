import assert from "node:assert/strict";
import { parseConfig } from "../config/parse.ts";
import { systemdDropIn } from "./systemd.ts";

Deno.test("systemdDropIn() allows the ports there are, and the capability where one needs it", () => {
  assert.deepEqual(dropIn("[{ listen: ':8443' }, { listen: '[::]:8443' }, { listen: ':9000' }]"), [
    ...["SocketBindDeny=any", "SocketBindAllow=tcp:8443", "SocketBindAllow=tcp:9000"],
    ...["AmbientCapabilities=", "CapabilityBoundingSet="],
  ]);
  assert.deepEqual(dropIn("[{ listen: ':443' }]"), [
    ...["SocketBindDeny=any", "SocketBindAllow=tcp:443"],
    ...["AmbientCapabilities=", "CapabilityBoundingSet="],
    "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
  ]);
  const asksCapability = (listen: string) =>
    dropIn(`[{ listen: '${listen}' }]`).some((line) => line.includes("CAP_"));
  assert.deepEqual([":1", ":1023", ":1024"].map(asksCapability), [true, true, false]);
  assert.deepEqual(
    dropIn("[{ listen: ':9000' }, { listen: ':8443' }]\nadmin: { listen: '127.0.0.1:900' }")
      .filter((line) => /Allow|=CAP/.test(line)),
    [
      ...["SocketBindAllow=tcp:900", "SocketBindAllow=tcp:8443", "SocketBindAllow=tcp:9000"],
      ...["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"],
    ],
  );
  assert.deepEqual(dropIn("[{ listen: ':0' }]"), [
    "AmbientCapabilities=",
    "CapabilityBoundingSet=",
  ], "a port of the system's choice is not known");
});

Deno.test("systemdDropIn() allows the sockets that a name server is asked from", () => {
  const asked = "[{ listen: ':8443' }]\nbackends: { a: { servers: ['SERVER'], dns: { DNS } } }";
  const bound = (server: string, dns: string) =>
    dropIn(asked.replace("SERVER", server).replace("DNS", dns))
      .filter((line) => line.startsWith("SocketBindAllow="));
  const tcp = "SocketBindAllow=tcp:8443";
  const server = "server: '127.0.0.1:8600'";
  assert.deepEqual(bound("dns:a.test:80", server), [tcp, "SocketBindAllow=udp:1024-65535"]);
  assert.deepEqual(bound("dns:a.test:80", ""), [tcp]);
  assert.deepEqual(bound("a.test:80", server), [tcp]);
});

Deno.test("systemdDropIn() writes a command that systemd takes literally", () => {
  const command = ["/usr/bin/deno", "run", "--allow-read=/a b,/100%", "/x$y", 'a"b\\c'];
  assert.deepEqual(dropIn("[{ listen: ':0' }]", command).slice(0, 2), [
    "ExecStart=",
    String.raw`ExecStart=/usr/bin/deno run "--allow-read=/a b,/100%%" /x$$y "a\"b\\c"`,
  ]);
});

Deno.test("systemdDropIn() names a cache, and what fills it, where the program takes one", () => {
  const { config } = parseConfig({ path: "proxy.yaml", text: "listeners: [{ listen: ':0' }]" });
  assert.ok(config);
  const about = { configFile: "/proxy.yaml", command: ["/deno", "run"] };
  const settings = systemdDropIn(config, { ...about, fill: "/deno install" }).split("\n");
  const named = settings.flatMap((line) => /^Environment=(DENO_DIR=\S+)$/.exec(line)?.[1] ?? []);
  assert.deepEqual(named.length, 1);
  assert.ok(settings.includes(`#   sudo env ${named[0]} /deno install`), settings.join("\n"));
  assert.doesNotMatch(systemdDropIn(config, about), /DENO_DIR/);
});

/** The settings, without the comments and the section. */
function dropIn(listeners: string, command?: readonly string[]): string[] {
  const text = `listeners: ${listeners}`;
  const { config, problems } = parseConfig({ path: "proxy.yaml", text });
  assert.ok(config, JSON.stringify(problems));
  return systemdDropIn(config, { configFile: "/proxy.yaml", command }).split("\n").slice(3);
}
