import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterEach, expect, test } from "vitest";
import { copyOf } from "../../runtime/bus/copy.js";
import { RETURNS_PROPERTY, type SinkMessage } from "../../runtime/contract/index.js";
import { BusKit, until } from "./workerKit.js";

let kit: BusKit;

afterEach(async () => {
  await kit.close();
});

test("a delivery that a worker ends by its own word is marked as no crash, and a copy begins without the mark", async () => {
  kit = await new BusKit().open({ maxDeliveryCount: 4 });
  const seen: Pick<SinkMessage, "deliveryCount" | "properties">[] = [];
  const began = Date.now();
  await kit.engine(
    async ({ deliveryCount, properties }) => {
      seen.push({ deliveryCount, properties: { ...properties } });
      return { kind: "retry", code: "JobFailed", description: "exit status 1" };
    },
    (p) => {
      p.source.maxDeliveryCount = 4;
      p.source.lockDurationSeconds = 30;
      p.delivery.expectedRestarts = 0;
      p.delivery.attempts = 1;
    },
  );
  await kit.send("m", [Buffer.from("body")]);
  await until("it is dead-lettered", () => kit.broker.counts("renders").deadLetter === 1);
  expect(seen.map(({ deliveryCount, properties }) => [deliveryCount, properties[RETURNS_PROPERTY]])).toEqual([
    [1, undefined],
    [2, 1],
    [3, 2],
    [4, 3],
  ]);
  // A suspect would have waited for half a lock, 15 seconds, before each of the later deliveries.
  expect(Date.now() - began).toBeLessThan(10_000);

  const receiver = kit.client.createReceiver("renders", { subQueueType: "deadLetter", skipParsingBodyAsJson: true });
  const [dead] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
  expect(dead?.applicationProperties?.[RETURNS_PROPERTY]).toBe(3);
  const copy = copyOf(dead as ServiceBusReceivedMessage, { messageId: "m-0", properties: {} });
  expect(copy.applicationProperties).toEqual({});
  await receiver.close();
}, 30_000);
