import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, onTestFinished, test } from "vitest";
import { openBus } from "../../../runtime/bus/index.js";
import { CONTRACT_VERSION, type PipelineSource } from "../../../runtime/contract/index.js";
import { Broker } from "../../../stacks/local/broker/index.js";
import { pipelineOf } from "./fakes.js";

const ENTITIES = ["renders", "thumbnails", "readings", "events"];
type Place = Pick<PipelineSource, "queue" | "topic" | "subscription">;

/** A broker of two queues and two topics, each with a message of its name; of the subscriptions `audit` alone holds it. */
async function brokerWithAll() {
  const broker = new Broker();
  onTestFinished(() => broker.close());
  for (const queue of ["renders", "thumbnails"]) broker.putQueue(queue, {});
  for (const topic of ["readings", "events"]) {
    broker.putTopic(topic);
    for (const name of ["store", "audit"]) broker.putSubscription(topic, name, {});
  }
  const { port } = await broker.listen();
  const client = new ServiceBusClient(broker.connectionString());
  onTestFinished(() => client.close());
  for (const subject of ENTITIES) await client.createSender(subject).sendMessages({ subject, body: "x" });
  for (const topic of ["readings", "events"]) {
    const receiver = client.createReceiver(topic, "store");
    for (const message of await receiver.receiveMessages(1)) await receiver.completeMessage(message);
  }
  const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${port}`, developmentEmulator: true };
  return { contractVersion: CONTRACT_VERSION, serviceBus };
}

describe("the bus", () => {
  test.each<[string, Place]>([
    ["renders", { queue: "renders" }],
    ["thumbnails", { queue: "thumbnails" }],
    ["readings", { topic: "readings", subscription: "audit" }],
    ["events", { topic: "events", subscription: "audit" }],
  ])("reads %s where source.queue, or source.topic and source.subscription, name it", async (subject, place) => {
    const connection = await brokerWithAll();
    const { queue: _queue, ...source } = pipelineOf().source;
    const bus = await openBus(connection, { ...pipelineOf(), source: { ...source, ...place } });
    onTestFinished(() => bus.close());
    const subjects: unknown[] = [];
    const handlers = {
      processMessage: async (message: { subject?: string }) => void subjects.push(message.subject),
      processError: async () => undefined,
    };
    bus.createReceiver().subscribe(handlers, { maxConcurrentCalls: 10, autoCompleteMessages: false });
    await expect.poll(() => subjects, { interval: 20 }).toEqual([subject]);
    expect(await bus.waiting.peekOldest()).toBeDefined();
  });
});
