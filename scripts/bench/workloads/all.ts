import { garbageWorkloads } from "./garbage.ts";
import { grpcWorkloads } from "./grpc.ts";
import { http1Workloads } from "./http1.ts";
import { http2Workloads } from "./http2.ts";
import { observedWorkloads } from "./observed.ts";
import { trustWorkloads } from "./trust.ts";
import type { Amounts, Workload } from "./workload.ts";

/** In the order of the report. */
export function workloads(amounts: Amounts): readonly Workload[] {
  return [
    http1Workloads,
    http2Workloads,
    grpcWorkloads,
    trustWorkloads,
    observedWorkloads,
    garbageWorkloads,
  ].flatMap((of) => of(amounts));
}
