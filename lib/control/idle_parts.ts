import { type Certificate, validityAt } from "../certificates/certificate.ts";
import { certificateCovers } from "../certificates/certificate_store.ts";
import type { Objection } from "../config/problem.ts";
import { isUnconditional } from "../http/conditions.ts";
import { certificateStore, type LoadedConfig, routerOf } from "./snapshot.ts";

/** Parts of a configuration that no client ever gets, or gets without a warning. */
export function idleParts(loaded: LoadedConfig, now: Date): readonly Objection[] {
  return [...idleCertificates(loaded, now), ...uncoveredNames(loaded), ...shadowedRoutes(loaded)];
}

/** Certificates that stand behind one which every client gets that could have them. */
function idleCertificates({ config, certificates }: LoadedConfig, now: Date): Objection[] {
  const given = certificates.map((certificate, index) => {
    const entry = config.certificates[index];
    return { certificate, hosts: entry?.hosts ?? certificate.names, isDefault: entry?.default };
  });
  return given.flatMap(({ certificate, hosts, isDefault }, index): Objection[] => {
    if (isDefault === true || certificate.placeholder === true) return [];
    const before = given.slice(0, index).find((other) =>
      other.certificate.placeholder !== true && isAlike(other.certificate, certificate) &&
      validityAt(other.certificate, now) === "valid" &&
      hosts.every((host) => other.hosts.includes(host))
    );
    if (before === undefined) return [];
    const message = `${certificate.label} is never given while ${before.certificate.label}, ` +
      "which stands before it for its names, is in force";
    return [{ at: ["certificates", index, "cert"], message }];
  });
}

/** Whether whoever can verify the one can verify the other. */
function isAlike(one: Certificate, other: Certificate): boolean {
  return one.keyType === other.keyType && one.curve === other.curve;
}

/** Routed names that no client could reach without a warning. */
function uncoveredNames(loaded: LoadedConfig): Objection[] {
  const { listeners, routes } = loaded.config;
  if (!listeners.some(({ kind }) => kind === "tls")) return [];
  const store = certificateStore(loaded);
  return routes.flatMap(({ hosts, passthrough }, index) =>
    passthrough
      ? []
      : hosts.flatMap((host, at): Objection[] =>
        store.select(host).match !== "default" || certificateCovers(store.default, host)
          ? []
          : [{ at: ["routes", index, "hosts", at], message: `no certificate covers ${host}` }]
      )
  );
}

/** Routes that can never match; those behind one for everything are told of already. */
function shadowedRoutes({ config }: LoadedConfig): Objection[] {
  const router = routerOf(config);
  const end = config.routes.findIndex(({ hosts, paths, conditions }) =>
    hosts.length === 0 && paths.length === 0 && isUnconditional(conditions)
  );
  const reached = end < 0 ? config.routes : config.routes.slice(0, end);
  return reached.flatMap((_, index): Objection[] => {
    const shadow = router.shadowOf(index);
    if (shadow === undefined) return [];
    const message = `this route never matches: route ${shadow + 1} takes all of it before`;
    return [{ at: ["routes", index], message }];
  });
}
