import { neededGrants } from "../control/fence.ts";
import { permissionFlags, permissionSet, shellLine } from "../permissions/flags.ts";
import { RUNTIME_FLAGS } from "../permissions/runtime_flags.ts";
import { SERVICE_SOCKETS, systemdDropIn } from "../permissions/systemd.ts";
import { type FileOutput, readConfigAlone } from "./config_file.ts";

/** How the permissions are printed. */
export type PermissionsForm = "flags" | "json" | "systemd";

/**
 * The `permissions` command: what a configuration needs. The files that it names need not be there,
 * so that it can be asked on another machine than the one that serves.
 *
 * @throws {ProxyError} `bad_config` when the file has errors; they have been told
 */
export async function describePermissions(
  path: string,
  { form, output }: { form: PermissionsForm; output: FileOutput },
): Promise<string> {
  const config = await readConfigAlone(path, output);
  const notify = form === "systemd" ? SERVICE_SOCKETS : undefined;
  const grants = neededGrants(config, { configFile: path, notify });
  switch (form) {
    case "flags":
      return shellLine(permissionFlags(grants));
    case "json":
      return JSON.stringify(permissionSet(grants), null, 2);
    case "systemd": {
      // a unit starts elsewhere than where this was asked
      const configFile = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
      const command = commandLine(permissionFlags(grants), configFile);
      return systemdDropIn(config, { configFile, command, fill: cacheFilling() });
    }
  }
}

/** How this very program is run with permissions; undefined for an executable, which has its own. */
function commandLine(flags: readonly string[], path: string): readonly string[] | undefined {
  if (Deno.build.standalone) return undefined;
  return [
    ...["/usr/bin/env", "--block-signal=USR1"],
    ...[Deno.execPath(), "run", "-q", "--cached-only", "--frozen", ...RUNTIME_FLAGS],
    // a bundle has no deno.json beside it that says so
    ...["--unstable-net", ...flags],
    ...[mainPath(), "--config", path],
  ];
}

/** What brings the packages of the program into the runtime's cache: a bundle holds them in itself. */
function cacheFilling(): string | undefined {
  const main = mainPath();
  if (Deno.build.standalone || !main.endsWith("/main.ts")) return undefined;
  const config = `${main.slice(0, -"/main.ts".length)}/deno.json`;
  return shellLine([
    ...[Deno.execPath(), "install", "--frozen", "--config", config, "--entrypoint", main],
  ]);
}

function mainPath(): string {
  return decodeURIComponent(new URL(Deno.mainModule).pathname);
}
