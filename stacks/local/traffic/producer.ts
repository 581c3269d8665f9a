import type { Pipeline } from "../../../runtime/contract/index.js";
import { type SendPlan, sendSamples } from "./send.js";

/** What a producer process is asked to send, as its one message from its parent. */
export interface ProducerOrder {
  /** Host and port of the namespace. */
  host: string;
  /** True for a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity. */
  emulator: boolean;
  pipelines: Pipeline[];
  plan: SendPlan;
}

/** What it tells its parent. */
export type ProducerReport =
  | { kind: "sent"; pipeline: string; total: number }
  | { kind: "done" }
  | { kind: "failed"; message: string };

/**
 * The sample producer: a process of its own that logs in as producers do anywhere (AZURE_CLIENT_ID,
 * AZURE_FEDERATED_TOKEN_FILE, ...) with the unmodified clients, and trusts the authority that NODE_EXTRA_CA_CERTS names.
 */
async function produce({ host, emulator, pipelines, plan }: ProducerOrder, signal: AbortSignal): Promise<void> {
  const { ServiceBusClient } = await import("@azure/service-bus");
  const { WorkloadIdentityCredential } = await import("@azure/identity");
  const keys = "SharedAccessKeyName=local;SharedAccessKey=local";
  const client = emulator
    ? new ServiceBusClient(`Endpoint=sb://${host};${keys};UseDevelopmentEmulator=true`)
    : new ServiceBusClient(host, new WorkloadIdentityCredential({ disableInstanceDiscovery: true }));
  try {
    await Promise.all(
      pipelines.map((pipeline) =>
        sendSamples(client, pipeline, plan, signal, (total) =>
          report({ kind: "sent", pipeline: pipeline.name, total }),
        ),
      ),
    );
  } finally {
    await client.close();
  }
}

function report(what: ProducerReport): void {
  process.send?.(what);
}

const abort = new AbortController();
// The parent is gone, or wants no more: nothing is left to be done here.
process.once("disconnect", () => process.exit(0));
process.once("SIGTERM", () => abort.abort(new Error("interrupted")));
process.once("message", (order) => {
  produce(order as ProducerOrder, abort.signal)
    .then(
      () => report({ kind: "done" }),
      (error: unknown) => report({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
    )
    .finally(() => process.disconnect());
});
