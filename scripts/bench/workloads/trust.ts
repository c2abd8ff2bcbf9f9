import { answerOf, SIZES } from "../answers.ts";
import { handshakes } from "../load/connections.ts";
import { h2load } from "../load/h2load.ts";
import { type Amounts, repeated, steady, type Subject, type Workload } from "./workload.ts";

/** TLS to servers, certificates of clients, and TLS that stays the servers'. */
export function trustWorkloads({ tools, requests }: Amounts): readonly Workload[] {
  const small = { connections: 32, requests, asked: [answerOf(SIZES.small)] };
  const medium = {
    ...{ connections: 32, requests: Math.ceil(requests / 4) },
    asked: [answerOf(SIZES.medium)],
  };
  const connections = Math.ceil(requests / 20);
  return [
    steady({
      ...{ name: "tls", setup: "tls", title: "1 KiB kept alive, TLS to servers", plot: true },
      load: async (subject, progress) => {
        await h2load(tools, subject, small, { progress });
        return requests;
      },
    }),
    repeated({
      ...{ name: "clients", setup: "clients", unit: "ms", plot: true },
      title: "full handshake with a client's certificate and one request",
      check: refusesOthers,
      load: async (subject) => {
        await handshakes(subject, connections);
        return connections;
      },
    }),
    steady({
      ...{ name: "passthrough", setup: "passthrough", plot: true },
      title: "64 KiB kept alive, passed on with its TLS",
      load: async (subject, progress) => {
        await h2load(tools, subject, medium, { progress });
        return medium.requests;
      },
    }),
  ];
}

/** @throws {Error} where somebody without a certificate is served */
async function refusesOthers(subject: Subject): Promise<void> {
  try {
    await handshakes({ ...subject, client: undefined }, 1);
  } catch {
    return;
  }
  throw new Error("It serves clients without a certificate");
}
