import type { ServerName } from "../core/server_name.ts";
import { type AccessRules, type AdminRequest, refusal } from "./admin_access.ts";
import { DASHBOARD_CSP, dashboardPage } from "./dashboard.ts";
import type { MetricFamily } from "../metrics/metric_family.ts";
import { METRIC_TYPES, metricFormat, metricText } from "../metrics/metric_text.ts";
import type { Status } from "../metrics/status.ts";

/** What the admin listener shows and does. */
export interface AdminActions {
  /** Why it should get no new connections; undefined where it should. */
  unready(): string | undefined;
  status(): Promise<Status>;
  metrics(): Promise<readonly MetricFamily[]>;
  /** What the page is fed with: server-sent events, until the reader leaves. */
  events(): Promise<ReadableStream<Uint8Array>>;
  /** Reads the configuration anew; says what came of it. */
  reload(): Promise<{ readonly taken: boolean; readonly details: readonly string[] }>;
  /** Takes a server out for new requests, or back in. */
  drain(server: ServerName, drained: boolean): Promise<DrainOutcome>;
}

/** What came of it; one that the configuration has drain cannot be taken back in from here. */
export type DrainOutcome = "done" | "no_such_server" | "drains_by_configuration";

/**
 * Answers a request to the admin listener. Nothing that a GET asks for changes anything, and no
 * answer may be read by a page of another origin.
 */
export async function serveAdmin(
  request: AdminRequest,
  { access, actions }: { access: AccessRules; actions: AdminActions },
): Promise<Response> {
  const { method, path } = request;
  const refused = refusal(request, access);
  if (refused !== undefined) {
    const ask = refused.status === 401 ? CHALLENGE : {};
    return answer(refused.status, `${refused.detail}\n`, ask);
  }
  const resource = find(path);
  if (resource === undefined) return answer(404, `There is no ${path}\n`);
  if (!resource.methods.includes(method)) {
    const allow = resource.methods.join(", ");
    return answer(405, `${path} takes ${allow}\n`, { allow });
  }
  return await resource.serve({ request, actions });
}

interface Resource {
  readonly methods: readonly string[];
  readonly serve: (asked: {
    readonly request: AdminRequest;
    readonly actions: AdminActions;
  }) => Response | Promise<Response>;
}

const READ = ["GET", "HEAD"];

function find(path: string): Resource | undefined {
  return RESOURCES.get(path) ?? (path.startsWith(DRAIN) ? drainResource : undefined);
}

const RESOURCES: ReadonlyMap<string, Resource> = new Map<string, Resource>([
  ["/", {
    methods: READ,
    serve: () =>
      answer(200, dashboardPage, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": DASHBOARD_CSP,
      }),
  }],
  ["/healthz", { methods: READ, serve: () => answer(200, "ok\n") }],
  ["/readyz", {
    methods: READ,
    serve: ({ actions }) => {
      const why = actions.unready();
      return why === undefined ? answer(200, "ready\n") : answer(503, `${why}\n`);
    },
  }],
  ["/metrics", {
    methods: READ,
    serve: async ({ request, actions }) => {
      const format = metricFormat(request.headers.get("accept"));
      const type = { "content-type": METRIC_TYPES[format] };
      return answer(200, metricText(await actions.metrics(), format), type);
    },
  }],
  ["/status", { methods: READ, serve: async ({ actions }) => json(200, await actions.status()) }],
  ["/events", {
    methods: ["GET"],
    serve: async ({ actions }) =>
      answer(200, await actions.events(), { "content-type": "text/event-stream" }),
  }],
  ["/reload", {
    methods: ["POST"],
    serve: async ({ actions }) => {
      const result = await actions.reload();
      return json(result.taken ? 200 : 422, result);
    },
  }],
]);

const DRAIN = "/drain/";

/** `POST /drain/{backend}/{server}` drains, `DELETE` undoes it. */
const drainResource: Resource = {
  methods: ["POST", "DELETE"],
  serve: async ({ request, actions }) => {
    const { path } = request;
    const named = serverIn(path);
    const drained = request.method === "POST";
    const outcome = named === undefined ? "no_such_server" : await actions.drain(named, drained);
    switch (outcome) {
      case "done":
        return json(200, { ...named, drained });
      case "no_such_server":
        return json(404, { error: "There is no such server", path });
      case "drains_by_configuration":
        return json(409, { error: "The configuration has it drain", ...named, drained: true });
    }
  },
};

/** The parts may be percent-encoded: the name of a server may have a slash in it. */
function serverIn(path: string): ServerName | undefined {
  const rest = path.slice(DRAIN.length);
  const slash = rest.indexOf("/");
  if (slash < 0) return undefined;
  try {
    return {
      backend: decodeURIComponent(rest.slice(0, slash)),
      server: decodeURIComponent(rest.slice(slash + 1)),
    };
  } catch {
    return undefined;
  }
}

const CHALLENGE = { "www-authenticate": 'Basic realm="tls-proxy admin"' };

function json(status: number, value: unknown): Response {
  return answer(status, `${JSON.stringify(value, null, 2)}\n`, {
    "content-type": "application/json",
  });
}

function answer(
  status: number,
  body: string | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      ...headers,
    },
  });
}
