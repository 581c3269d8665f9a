import { afterEach, describe, expect, test } from "vitest";
import type { Outcome, SinkMessage } from "../../runtime/contract/index.js";
import { BusKit, done, until } from "./workerKit.js";

const later: Outcome = { kind: "retry", code: "NotReady", description: "still syncing", delayMilliseconds: 300 };

/** What of a message must be the same in every copy of it. */
function kept({ messageId, key, body, properties, contentType, subject, correlationId, partitionKey }: SinkMessage) {
  const { shop, at, big } = properties;
  return {
    messageId,
    key,
    body: body.toString("hex"),
    shop,
    at,
    big,
    contentType,
    subject,
    correlationId,
    partitionKey,
  };
}

describe("a delayed retry by a scheduled copy", () => {
  let kit: BusKit | undefined;
  afterEach(() => kit?.close());

  test.each([false, true])(
    "is the same message to the sink, on an entity with duplicate detection: %s",
    async (requiresDuplicateDetection) => {
      kit = await new BusKit().open({ requiresDuplicateDetection });
      const seen: SinkMessage[] = [];
      const { value } = await kit.engine(
        async (message) => (seen.push(message) < 3 ? later : done),
        (p) => {
          p.delivery.delayedRetry = "schedule";
          p.source.duplicateDetection = requiresDuplicateDetection;
          p.delivery.attempts = 1;
        },
      );
      const sender = kit.client.createSender("renders");
      await sender.sendMessages({
        messageId: "order-1",
        body: Buffer.from([0, 1, 254, 255]),
        contentType: "application/octet-stream",
        subject: "created",
        correlationId: "c-1",
        partitionKey: "p-1",
        applicationProperties: { shop: "berlin", at: new Date(1_700_000_000_000), big: 2 ** 40 },
      });
      await until(
        "the message is done",
        async () => (await value("stowage_messages_total", { outcome: "done" })) === 1,
      );
      expect(seen).toHaveLength(3);
      for (const message of seen) expect(kept(message)).toEqual(kept(seen[0] as SinkMessage));
      expect(seen.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1, 1]);
      expect(await value("stowage_messages_total", { outcome: "rescheduled" })).toBe(2);
      expect(await kit.client.createReceiver("renders").peekMessages(1)).toEqual([]);
    },
    20_000,
  );

  test("keeps an AMQP value a value and JSON as it was sent", async () => {
    kit = await new BusKit().open();
    const seen: SinkMessage[] = [];
    const tried = new Set<string>();
    const { value } = await kit.engine(
      async (message) => {
        seen.push(message);
        return tried.size < tried.add(message.messageId).size ? later : done;
      },
      (p) => {
        p.delivery.delayedRetry = "schedule";
      },
    );
    const sender = kit.client.createSender("renders");
    await sender.sendMessages({ messageId: "json", body: { a: [1, 2] } });
    await sender.sendMessages({ body: { b: "text" }, bodyType: "value", properties: { messageId: "value" } });
    await until("both are done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 2);
    const bodies = (id: string) => seen.filter((m) => m.messageId === id).map((m) => m.body.toString());
    expect(bodies("json")).toEqual(['{"a":[1,2]}', '{"a":[1,2]}']);
    expect(bodies("value")).toEqual(['{"b":"text"}', '{"b":"text"}']);
  }, 20_000);
});
