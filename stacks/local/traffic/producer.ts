import { setTimeout as pause } from "node:timers/promises";
import type { ServiceBusClient } from "@azure/service-bus";
import { entityPath, type Pipeline } from "../../../runtime/contract/index.js";
import { type SendPlan, sendSamples } from "./send.js";

/** How often a refused sender tries again, in milliseconds. */
const RETRY_MS = 1_000;

/** What a producer process is asked to send, as its one message from its parent. */
export interface ProducerOrder {
  /** Host and port of the namespace. */
  host: string;
  /** True for a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity. */
  emulator: boolean;
  pipelines: Pipeline[];
  plan: SendPlan;
  /** How long a refusal is taken for rights that are on their way, in seconds. */
  patienceSeconds: number;
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
async function produce(order: ProducerOrder, signal: AbortSignal): Promise<void> {
  const { host, emulator, pipelines, plan, patienceSeconds } = order;
  const { ServiceBusClient: Client } = await import("@azure/service-bus");
  const { WorkloadIdentityCredential } = await import("@azure/identity");
  const keys = "SharedAccessKeyName=local;SharedAccessKey=local";
  const client = emulator
    ? new Client(`Endpoint=sb://${host};${keys};UseDevelopmentEmulator=true`)
    : new Client(host, new WorkloadIdentityCredential({ disableInstanceDiscovery: true }));
  try {
    await Promise.all(
      pipelines.map(async (pipeline) => {
        await untilAllowed(client, pipeline, patienceSeconds, signal);
        await sendSamples(client, pipeline, plan, signal, (total) =>
          report({ kind: "sent", pipeline: pipeline.name, total }),
        );
      }),
    );
  } finally {
    await client.close();
  }
}

/** Waits until the bus takes a sender; rejects with its refusal once the patience is over. */
async function untilAllowed(
  client: ServiceBusClient,
  pipeline: Pipeline,
  patienceSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + patienceSeconds * 1_000;
  const sender = client.createSender(pipeline.source.topic ?? entityPath(pipeline.source));
  try {
    for (;;) {
      try {
        // Opens the link, and sends nothing.
        await sender.createMessageBatch({ abortSignal: signal });
        return;
      } catch (error) {
        const refused = error instanceof Error && "code" in error && error.code === "UnauthorizedAccess";
        if (!refused || Date.now() >= deadline) throw error;
      }
      await pause(RETRY_MS, undefined, { signal });
    }
  } finally {
    await sender.close();
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
