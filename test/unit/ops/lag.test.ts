import { describe, expect, it } from "vitest";
import { Browser } from "../../../runtime/ops/browse.js";
import { type Lag, type LagOptions, lagOf } from "../../../runtime/ops/lag.js";
import { receiverOf, type Target } from "../../../runtime/ops/target.js";
import { OpsKit } from "./kit.js";

function looking(kit: OpsKit, target: Target, change: Partial<LagOptions> = {}): () => Promise<Lag> {
  const namespace = kit.namespace();
  const browsers = {
    waiting: new Browser(receiverOf(namespace.client, target, false)),
    deadLetters: new Browser(receiverOf(namespace.client, target, true)),
  };
  const signal = new AbortController().signal;
  return () => lagOf({ namespace, target, browsers, look: 50, now: () => kit.clock.now(), signal, ...change });
}

/** 120 messages, 3 scheduled ones, and 2 dead letters that are older. */
async function filled(): Promise<{ kit: OpsKit; target: Target }> {
  const kit = await OpsKit.open();
  const target = kit.queue("orders");
  await kit.deadLetter(target, [
    { messageId: "d1", body: 1 },
    { messageId: "d2", body: 1 },
  ]);
  kit.clock.advance(60_000);
  const sender = kit.client().createSender("orders");
  await sender.sendMessages(Array.from({ length: 120 }, (_, i) => ({ messageId: `m-${i}`, body: i })));
  const later = new Date(kit.clock.now() + 3_600_000);
  await sender.scheduleMessages([{ body: 1 }, { body: 2 }, { body: 3 }], later);
  kit.clock.advance(30_000);
  return { kit, target };
}

describe("the lag of an entity", () => {
  it("is the service's own count where the identity may read it, and the age of the oldest", async () => {
    const { kit, target } = await filled();
    expect(await looking(kit, target)()).toEqual({
      entity: "orders",
      active: { count: 120, atLeast: false },
      scheduled: { count: 3, atLeast: false },
      deferred: { count: 0, atLeast: true },
      deadLetters: { count: 2, atLeast: false },
      oldestSeconds: 30,
      oldestDeadLetterSeconds: 90,
    });
  });

  it("is counted by looking where it may not, and says so, and where it ended", async () => {
    const { kit, target } = await filled();
    const namespace = { ...kit.namespace(), admin: undefined };
    const found = await looking(kit, target, { namespace })();
    expect(found).toMatchObject({
      active: { count: 50, atLeast: true },
      deadLetters: { count: 2, atLeast: false },
      oldestSeconds: 30,
      unseen: "there is no administration to ask at this address",
    });
    expect(await looking(kit, target, { namespace, look: 1_000 })()).toMatchObject({
      active: { count: 120, atLeast: false },
      scheduled: { count: 3, atLeast: false },
    });
  });

  it("is looked at again from the beginning, and nothing is taken by it", async () => {
    const { kit, target } = await filled();
    const look = looking(kit, target, { namespace: { ...kit.namespace(), admin: undefined }, look: 1_000 });
    const first = await look();
    kit.clock.advance(10_000);
    expect(await look()).toEqual({ ...first, oldestSeconds: 40, oldestDeadLetterSeconds: 100 });
    expect((await kit.content("orders"))[0]?.deliveryCount).toBe(0);
  });

  it("is nothing of an empty entity", async () => {
    const kit = await OpsKit.open();
    const found = await looking(kit, kit.queue("orders"))();
    expect(found.active.count).toBe(0);
    expect(found).not.toHaveProperty("oldestSeconds");
    expect(found).not.toHaveProperty("oldestDeadLetterSeconds");
  });
});
