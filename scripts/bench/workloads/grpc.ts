import { GRPC } from "../backend.ts";
import { callOnce, GRPC_FIELDS, GRPC_FRAME_BYTES, message } from "../load/grpc.ts";
import { h2load } from "../load/h2load.ts";
import { type Amounts, steady, type Workload } from "./workload.ts";

/** Calls of gRPC that send one message and get one, to servers that speak HTTP/2, too. */
export function grpcWorkloads({ tools, requests }: Amounts): readonly Workload[] {
  const sent = message(GRPC.bytes);
  const asked = [{ path: GRPC.path, bytes: GRPC_FRAME_BYTES + GRPC.bytes }];
  return ([[32, 1], [8, 32]] as const).map(([connections, streams]) =>
    steady({
      name: `grpc-${connections}x${streams}`,
      setup: "grpc",
      title: `unary call, ${GRPC.bytes} bytes, ${connections} × ${streams}`,
      plot: connections === 8,
      check: (subject) => callOnce(subject, GRPC.path, sent),
      load: async (subject, progress) => {
        const body = `${tools.folder}/grpc-request`;
        await Deno.writeFile(body, sent);
        const load = { connections, streams, requests, asked, body, fields: GRPC_FIELDS };
        await h2load(tools, subject, load, { progress });
        return requests;
      },
    })
  );
}
