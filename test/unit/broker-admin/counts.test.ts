import { ServiceBusClient } from "@azure/service-bus";
import { expect, it, onTestFinished } from "vitest";
import { take } from "../broker/client.js";
import { startAdmin } from "./kit.js";

it("the counts of a queue and a subscription are those of its messages, whatever became of them", async () => {
  const { admin, broker, clock } = await startAdmin();
  await broker.listen();
  const client = new ServiceBusClient(broker.connectionString());
  onTestFinished(() => client.close());
  await admin.createQueue("orders", { maxDeliveryCount: 1 });
  await admin.createTopic("events");
  await admin.createSubscription("events", "audit");
  const sender = client.createSender("orders");
  await sender.sendMessages(Array.from({ length: 10 }, (_, i) => ({ body: "x".repeat(100), messageId: `m${i}` })));
  await sender.scheduleMessages([{ body: "later" }], new Date(clock.now() + 60_000));
  const receiver = client.createReceiver("orders");
  const [done, dead, deferred, abandoned] = await take(receiver, 4);
  if (done === undefined || dead === undefined || deferred === undefined || abandoned === undefined) {
    throw new Error("Four messages were received.");
  }
  await receiver.completeMessage(done);
  await receiver.deadLetterMessage(dead);
  await receiver.deferMessage(deferred);
  await receiver.abandonMessage(abandoned);
  const counts = await admin.getQueueRuntimeProperties("orders");
  // Six wait, one is deferred, one scheduled, two are dead letters: the second for its one delivery.
  expect(counts).toMatchObject({
    activeMessageCount: 6,
    deadLetterMessageCount: 2,
    scheduledMessageCount: 1,
    transferMessageCount: 0,
    transferDeadLetterMessageCount: 0,
    totalMessageCount: 10,
    accessedAt: new Date(clock.now()),
  });
  expect(counts.sizeInBytes).toBeGreaterThan(900);
  expect(counts.sizeInBytes).toBe(broker.counts("orders").sizeInBytes);

  const publisher = client.createSender("events");
  await publisher.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
  await publisher.scheduleMessages([{ body: 4 }], new Date(clock.now() + 60_000));
  expect(await admin.getSubscriptionRuntimeProperties("events", "audit")).toMatchObject({
    activeMessageCount: 3,
    deadLetterMessageCount: 0,
    totalMessageCount: 3,
  });
  expect(await admin.getTopicRuntimeProperties("events")).toMatchObject({
    scheduledMessageCount: 1,
    subscriptionCount: 1,
  });
  broker.putQueue("lost", { forwardTo: "nowhere" });
  await client.createSender("lost").sendMessages([{ body: 1 }, { body: 2 }]);
  expect(await admin.getQueueRuntimeProperties("lost")).toMatchObject({
    activeMessageCount: 0,
    transferDeadLetterMessageCount: 2,
    totalMessageCount: 2,
  });
});
