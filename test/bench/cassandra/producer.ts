import { setTimeout as delay } from "node:timers/promises";
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { answerParent } from "../../support/childProgram.js";
import type { ProducerJob, Stretch } from "./jobs.js";
import { idOf, OWN, readingOf } from "./rows.js";

// Sends readings as a producer of a pipeline does: with the partition key of their table and a body in JSON.

/** Messages that are sent at once, below 256 KiB. */
const ARRAY = 100;
/** Arrays that are on their way at once. */
const ARRAYS_AT_ONCE = 4;
/** How often a paced producer sends, in milliseconds. */
const TICK = 10;

const { connectionString, queue }: { connectionString: string; queue: string } = JSON.parse(process.argv[2] ?? "{}");
const client = new ServiceBusClient(connectionString);
const sender = client.createSender(queue);

function messageOf(n: number, partitions: number): ServiceBusMessage {
  const reading = readingOf(n, partitions);
  return {
    body: Buffer.from(JSON.stringify(reading)),
    messageId: idOf(n),
    partitionKey: reading.device,
    contentType: "application/json",
  };
}

function messagesOf(from: number, count: number, partitions: number): ServiceBusMessage[] {
  return Array.from({ length: count }, (_, i) => messageOf(from + i, partitions));
}

async function fill({ from, count, partitions }: Stretch): Promise<void> {
  let next = from;
  const end = from + count;
  const loop = async (): Promise<void> => {
    while (next < end) {
      const first = next;
      next = Math.min(end, first + ARRAY);
      await sender.sendMessages(messagesOf(first, next - first, partitions ?? OWN));
    }
  };
  await Promise.all(Array.from({ length: ARRAYS_AT_ONCE }, loop));
}

async function pace({ from, count, partitions, perSecond }: Stretch & { perSecond: number }): Promise<void> {
  const began = performance.now();
  const sends: Promise<void>[] = [];
  let sent = 0;
  while (sent < count) {
    const due = Math.min(count, Math.floor(((performance.now() - began) * perSecond) / 1_000));
    for (; sent < due; ) {
      const now = Math.min(ARRAY, due - sent);
      sends.push(sender.sendMessages(messagesOf(from + sent, now, partitions ?? OWN)));
      sent += now;
    }
    await delay(TICK);
  }
  await Promise.all(sends);
}

async function run(job: ProducerJob): Promise<number> {
  const began = performance.now();
  await (job.what === "fill" ? fill(job) : pace(job));
  return (performance.now() - began) / 1_000;
}

answerParent(true, run, () => client.close());
