import { type Admission, admit } from "../tls/admission.ts";
import type { ClientHello } from "../tls/client_hello.ts";
import type { Policy } from "./policy.ts";

/**
 * Decides on a ClientHello by all that is in force: whether TLS is ended here at all, with which
 * certificate, and what the client has to prove.
 */
export function admitClient(
  hello: ClientHello,
  policy: Policy,
  terms: Parameters<typeof admit>[1],
): Admission {
  if (policy.router.passes(hello.sni)) return { kind: "passthrough" };
  const admission = admit(hello, terms);
  if (admission.kind !== "admitted") return admission;
  const { protocol } = admission;
  // a CA that looks whether a name is ours has no certificate, and gets nothing but its answer
  if (protocol !== undefined && protocol === terms.challenge?.protocol) return admission;
  return { ...admission, clientAuth: policy.clientAuth.ruleFor(hello.sni) };
}
