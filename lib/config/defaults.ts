import type { BackendConfig, Config } from "./schema.ts";
import { YAML_SCHEMA } from "./yaml_schema.ts";

const { client_auth: clientAuth, ...parsed } = YAML_SCHEMA.parse({
  listeners: [{ listen: "127.0.0.1:0" }],
  backends: { default: { servers: ["127.0.0.1:1"] } },
});

/** What everything is when nobody says otherwise, from the schema: without listeners and backends. */
export const DEFAULT_CONFIG: Config = {
  ...parsed,
  clientAuth,
  listeners: [],
  backends: new Map(),
  admin: undefined,
  acme: undefined,
  cluster: undefined,
};

/** A backend's settings when nobody says otherwise. */
export const DEFAULT_BACKEND: Omit<BackendConfig, "servers"> = backendDefaults();

function backendDefaults(): Omit<BackendConfig, "servers"> {
  const backend = parsed.backends["default"];
  if (backend === undefined) throw new TypeError("The schema dropped a backend");
  const { servers: _, ...defaults } = backend;
  return defaults;
}
