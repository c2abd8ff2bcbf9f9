import type { BackendConfig, Config, RouteConfig } from "./config.ts";
import { YAML_SCHEMA } from "./yaml_schema.ts";

const parsed = YAML_SCHEMA.parse({
  listeners: [{ listen: "127.0.0.1:0" }],
  backends: { default: { servers: ["127.0.0.1:1"] } },
});

/** What everything is when nobody says otherwise, from the schema: without listeners and backends. */
export const DEFAULT_CONFIG: Config = {
  ...parsed,
  listeners: [],
  backends: new Map(),
  errorPages: new Map(),
};

/** A backend's settings when nobody says otherwise. */
export const DEFAULT_BACKEND: Omit<BackendConfig, "servers"> = backendDefaults();

function backendDefaults(): Omit<BackendConfig, "servers"> {
  const backend = parsed.backends["default"];
  if (backend === undefined) throw new TypeError("The schema dropped a backend");
  const { servers: _, ...defaults } = backend;
  return defaults;
}

/** A route that sends everything to a backend and asks nothing. */
export function routeTo(backend: string): RouteConfig {
  const noFields = { set: {}, add: {}, remove: [] };
  return {
    ...{ hosts: [], paths: [], conditions: { methods: [], headers: {} }, backend },
    ...{ passthrough: false, redirect: undefined, respond: undefined, stripPrefix: undefined },
    ...{ requestHeaders: noFields, responseHeaders: noFields, allow: [], deny: [] },
    ...{ rateLimit: undefined, basicAuth: undefined, limits: { body: undefined }, compress: false },
  };
}
