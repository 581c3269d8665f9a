import type { ServiceBusClient, ServiceBusMessage } from "@azure/service-bus";
import { entityPath, type Pipeline } from "../../../runtime/contract/index.js";
import { goodSample, poisonSample, type Sample } from "./samples.js";

/** What to send to one pipeline. */
export interface SendPlan {
  run: string;
  messages: number;
  poison: number;
  epochMs: number;
}

/** Messages handed to the client at once; a larger array would only wait in its memory. */
const CHUNK = 100;

/** Sends the samples of one pipeline with the real client; calls `sent` with the running total. */
export async function sendSamples(
  client: ServiceBusClient,
  pipeline: Pipeline,
  plan: SendPlan,
  signal: AbortSignal,
  sent: (total: number) => void,
): Promise<void> {
  const sender = client.createSender(pipeline.source.topic ?? entityPath(pipeline.source));
  try {
    const total = plan.messages + plan.poison;
    for (let from = 0; from < total; from += CHUNK) {
      const indices = Array.from({ length: Math.min(CHUNK, total - from) }, (_, i) => from + i);
      const samples = indices.map((n) =>
        n < plan.messages
          ? goodSample(pipeline, plan.run, n, plan.epochMs)
          : poisonSample(pipeline, plan.run, n - plan.messages),
      );
      await sendAll(sender, samples, signal);
      sent(from + samples.length);
    }
  } finally {
    await sender.close();
  }
}

/** One array where a batch may hold it: the messages of a batch share one session and partition key. */
async function sendAll(
  sender: ReturnType<ServiceBusClient["createSender"]>,
  samples: Sample[],
  signal: AbortSignal,
): Promise<void> {
  const groups = new Map<string, ServiceBusMessage[]>();
  for (const sample of samples) {
    const key = sample.sessionId ?? sample.partitionKey ?? "";
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    // A string body would be sent as a JSON string; bytes go as they are.
    group.push({ ...sample, body: typeof sample.body === "string" ? Buffer.from(sample.body) : sample.body });
  }
  await Promise.all([...groups.values()].map((group) => sender.sendMessages(group, { abortSignal: signal })));
}
