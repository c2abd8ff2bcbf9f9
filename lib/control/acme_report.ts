import type { AcmeStatus } from "../acme/manager.ts";
import { gauge, type MetricFamily } from "../metrics/metric_family.ts";
import type { AcmeCertificateStatus } from "../metrics/status.ts";

/** Where the certificates from CAs stand, for the page. */
export function acmeReport(statuses: readonly AcmeStatus[]): AcmeCertificateStatus[] {
  return statuses.map(({ names, notAfter, due, failures, reason }) => ({
    names,
    notAfter: notAfter === undefined ? undefined : new Date(notAfter).toISOString(),
    due: new Date(due).toISOString(),
    failures,
    reason,
  }));
}

/** The same as metrics; none where no certificate is from a CA. */
export function acmeFamilies(statuses: readonly AcmeStatus[]): MetricFamily[] {
  if (statuses.length === 0) return [];
  const of = (value: (status: AcmeStatus) => number) =>
    statuses.map((status) => [{ certificate: status.names[0] ?? "" }, value(status)] as const);
  return [
    gauge(
      "tls_proxy_acme_certificate_held",
      "Whether there is a certificate from the CA.",
      of(({ notAfter }) => Number(notAfter !== undefined)),
    ),
    gauge(
      "tls_proxy_acme_due_timestamp_seconds",
      "When the CA is asked for a certificate, in seconds since 1970; 0 for at once.",
      of(({ due }) => due / 1000),
    ),
    gauge(
      "tls_proxy_acme_failures",
      "Orders of a certificate that have failed since the last that did not.",
      of(({ failures }) => failures),
    ),
  ];
}
