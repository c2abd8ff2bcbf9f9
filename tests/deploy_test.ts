import assert from "node:assert/strict";
import { validate as validateDockerfile } from "dockerfile-utils";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Service } from "kubernetes-models/v1/Service";
import { parseAllDocuments } from "yaml";
import project from "../deno.json" with { type: "json" };
import { parseConfig } from "../lib/config/parse.ts";
import { verifyConfig } from "../lib/config/verify.ts";
import { ConfigFile } from "./support/config_file.ts";
import { printedPermissions } from "./support/printed_permissions.ts";

const DEPLOY = new URL("../scripts/deploy/", import.meta.url);
const ROOT = new URL("../", import.meta.url);

Deno.test("systemd takes the unit, with the drop-in too, and finds it hardened", async () => {
  await using config = await ConfigFile.createWithSecret(`
listeners: [{ listen: ":443" }]
certificates: [{ cert: tls/tls.crt, key: "tls/a $b%c.key" }]
backends: { a: { servers: ["127.0.0.1:1"] } }
routes: [{ backend: a }]`);
  const unit = `${config.folder}/tls-proxy.service`;
  // what it starts is not there where it is only looked at, and has to be
  const text = (await Deno.readTextFile(new URL("tls-proxy.service", DEPLOY)))
    .replace("/usr/local/bin/tls-proxy", Deno.execPath());
  assert.ok(text.includes(Deno.execPath()));
  await Deno.writeTextFile(unit, text);
  await analyze("verify", "--man=no", unit);
  const exposure = ["security", "--offline=true", "--no-pager", "--threshold=20"];
  await analyze(...exposure, unit);

  await Deno.mkdir(`${unit}.d`);
  const dropIn = await printedPermissions(config.path, "--systemd");
  assert.match(dropIn, /^SocketBindAllow=tcp:443$/m);
  await Deno.writeTextFile(`${unit}.d/permissions.conf`, `${dropIn}\n`);
  await analyze("verify", "--man=no", unit);
  await analyze(...exposure, unit);

  await Deno.writeTextFile(`${unit}.d/wrong.conf`, "[Service]\nProtectSytem=yes\n");
  await assert.rejects(analyze("verify", "--man=no", unit), /ProtectSytem/);
});

Deno.test("the Dockerfile is one, and copies what there is", async () => {
  const text = await Deno.readTextFile(new URL("Dockerfile", DEPLOY));
  assert.deepEqual(validateDockerfile(text, {}), []);
  assert.notDeepEqual(validateDockerfile(`${text}\nEXPOZE 1\n`, {}), [], "the validator looks");
  const copied = [...text.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths = ""]) =>
    paths.split(" ")
  );
  assert.ok(copied.length >= 5);
  for (const path of copied) await Deno.stat(new URL(path, ROOT));
  const ci = await Deno.readTextFile(new URL(".ci/run", ROOT));
  const [, version = ""] = /deno@(\d+\.\d+\.\d+)/.exec(ci) ?? [];
  assert.match(text, new RegExp(`^FROM denoland/deno:bin-${RegExp.escape(version)} AS deno$`, "m"));
  assert.match(text, /^USER (?!0\b)\d+:\d+$/m);
  // the smallest of Debian's images has neither
  const [, packages = ""] = /--no-install-recommends (.+) && /.exec(text) ?? [];
  assert.deepEqual(packages.split(" ").sort(), ["ca-certificates", "libssl3"]);
});

Deno.test("Kubernetes takes the manifests, and they fit together", async () => {
  const manifests = await readManifests();
  const { ConfigMap: map, Deployment: deployment, Service: service } = manifests;
  for (
    const resource of [
      new ConfigMap(map),
      new Deployment(deployment),
      new Service(service),
    ]
  ) resource.validate();
  assert.throws(() => new Service({ ...service, spec: { ports: [{ port: "x" }] } }).validate());
  await noUnknownFields(manifests);
  // one with empty keys would take the place of the user's
  assert.deepEqual(Object.keys(manifests).sort(), ["ConfigMap", "Deployment", "Service"]);

  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;
  assert.equal(container.image, `tls-proxy:${project.version}`);
  const text = await Deno.readTextFile(new URL("kubernetes.yaml", DEPLOY));
  assert.ok(text.includes(`-t ${container.image} .`), "the image that is run is the one to build");
  const [, path] = container.args;
  const mounted = new Map<string, string>(
    container.volumeMounts.map(({ name, mountPath }: Mount) => [name, mountPath]),
  );
  assert.equal(path, `${mounted.get("config")}/proxy.yaml`);
  const source = { path, text: map.data["proxy.yaml"] };
  const file = parseConfig(source);
  const { config } = file;
  assert.ok(config, JSON.stringify(file.problems));
  const problems = verifyConfig(config, file);
  assert.deepEqual(problems.filter(({ severity }) => severity === "error"), []);
  for (const file of config.certificates.flatMap(({ cert, key }) => [cert, key])) {
    const name = new URL(file, "file:///").pathname;
    assert.ok(name.startsWith(`${mounted.get("tls")}/`), name);
    assert.match(name, /\/tls\.(?:crt|key)$/, "what a Secret of the type kubernetes.io/tls has");
  }
  const listens = [...config.listeners.map(({ listen }) => listen), config.admin?.listen];
  const ports = container.ports.map(({ containerPort }: ContainerPort) => containerPort);
  assert.deepEqual(listens.map((listen) => listen?.port).sort(), ports.sort());
  const names = new Set(container.ports.map(({ name }: ContainerPort) => name));
  for (const { targetPort } of service.spec.ports) assert.ok(names.has(targetPort), targetPort);
  for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
    assert.equal(container[probe].httpGet.port, "admin");
  }
  assert.ok(pod.terminationGracePeriodSeconds > 5 + config.timeouts.drain / 1000);
});

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
}

type Kind = "ConfigMap" | "Deployment" | "Service";

/** By kind, as the YAML has them: what they are is what the test is about. */
async function readManifests() {
  const text = await Deno.readTextFile(new URL("kubernetes.yaml", DEPLOY));
  const documents = parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
  return Object.fromEntries(documents.map((document) => [document.kind, document])) as Record<
    Kind,
    // deno-lint-ignore no-explicit-any -- checked by the validators, and looked into afterwards
    any
  >;
}

/** The schemas allow fields that they do not know; the types made of the same schemas do not. */
async function noUnknownFields(manifests: Record<Kind, unknown>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tls-proxy-manifests-" });
  const source = (kind: Kind) => {
    const version = kind === "Deployment" ? "apps/v1" : "v1";
    return `import type { I${kind} } from "kubernetes-models/${version}/${kind}";
export const ${kind}: I${kind} = ${JSON.stringify(manifests[kind])};\n`;
  };
  async function check(text: string) {
    const path = `${folder}/manifests.ts`;
    await Deno.writeTextFile(path, text);
    return await new Deno.Command(Deno.execPath(), {
      args: ["check", "-q", "--config", new URL("deno.json", ROOT).pathname, path],
      env: { NO_COLOR: "1" },
    }).output();
  }
  try {
    const kinds: readonly Kind[] = ["ConfigMap", "Deployment", "Service"];
    const text = kinds.map(source).join("");
    const right = await check(text);
    assert.equal(right.code, 0, new TextDecoder().decode(right.stderr));
    const wrong = await check(text.replace("readinessProbe", "readynessProbe"));
    assert.match(new TextDecoder().decode(wrong.stderr), /readynessProbe/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** @throws {Error} with what it says, where it finds fault */
async function analyze(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", { args }).output();
  const text = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  // an unknown setting is told, and is no failure of the command
  if (code !== 0 || /Unknown key|Failed to parse|ignoring/i.test(text)) throw new Error(text);
}
