import { describe, expect, test } from "vitest";
import type { Outcome } from "../../../runtime/contract/index.js";
import { engineKit } from "./engineKit.js";
import { received } from "./fakeBus.js";
import { clientError, deferred, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const message = (messageId: string, deliveryCount = 0) => received({ messageId, deliveryCount });

/** An engine that has started over a store without quorum: its probe fails and it takes nothing until `up` is set. */
async function overStoreThatIsDown() {
  const store = { up: false };
  const kit = engineKit(
    async () => (store.up ? done : { kind: "retry", code: "StoreUnavailable", description: "no quorum" }),
    () => undefined,
    async () => {
      if (!store.up) throw new Error("no quorum");
    },
  );
  kit.engine.start();
  await settled();
  return { kit, receiver: kit.receivers[0], store };
}

describe("a queue without sessions", () => {
  test("completes a message once its effect is durable, and not before", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("a"));
    await settled();
    expect(receiver?.settlements).toEqual([]);
    effect.resolve(done);
    await settled();
    expect(receiver?.settlements).toEqual([{ messageId: "a", how: "completed" }]);
    expect(await kit.value("stowage_messages_total", { outcome: "done" })).toBe(1);
  });

  test("holds no more messages than the pipeline's concurrency", async () => {
    const kit = engineKit(() => new Promise(() => undefined));
    kit.engine.start();
    await settled();
    kit.receivers[0]?.send(...["a", "b", "c", "d", "e", "f"].map((id) => message(id)));
    await settled();
    expect(kit.began).toEqual(["a", "b", "c", "d"]);
    expect(kit.receivers[0]?.waiting).toBe(2);
  });

  test("puts another receiver in the place of a lost link, and works on no more at once than before", async () => {
    const effects = Array.from({ length: 8 }, () => deferred<Outcome>());
    let next = 0;
    const kit = engineKit(() => effects[next++]?.promise ?? Promise.resolve(done));
    kit.engine.start();
    await settled();
    const [lost] = kit.receivers;
    lost?.send(...["a", "b", "c", "d"].map((id) => message(id)));
    await settled();
    await lost?.attach(4);
    await settled();
    expect([kit.receivers.length, lost?.unsubscribed, lost?.closed]).toEqual([2, 1, 1]);
    const fresh = kit.receivers[1];
    fresh?.send(...["e", "f", "g", "h"].map((id) => message(id)));
    await settled();
    expect(kit.began).toEqual(["a", "b", "c", "d"]);
    for (const effect of effects) effect.resolve(done);
    await settled();
    expect(kit.began).toHaveLength(8);
    // What the lost link's messages gave back must not add to the new link's credit.
    expect(fresh?.credit).toBe(4);
  });

  test("settles by lock token, over another receiver, what came over a lost link", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise);
    kit.engine.start();
    await settled();
    const [lost] = kit.receivers;
    lost?.send(message("a"));
    await settled();
    await lost?.attach(4);
    await kit.clock.advance(16_000);
    expect([lost?.renewed, kit.receivers[1]?.renewed]).toEqual([[], ["a"]]);
    effect.resolve(done);
    await settled();
    expect(lost?.settlements).toEqual([]);
    expect(kit.receivers[1]?.settlements).toEqual([{ messageId: "a", how: "completed" }]);
  });

  test("does not wait for the answer to a settlement whose link is lost: it is sent once more", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    const [lost] = kit.receivers;
    if (lost !== undefined) lost.completeMessage = () => new Promise(() => undefined);
    lost?.send(message("a"));
    await settled();
    await lost?.attach(4);
    await settled();
    expect(kit.receivers[1]?.settlements).toEqual([{ messageId: "a", how: "completed" }]);
    expect(await kit.value("stowage_messages_total", { outcome: "done" })).toBe(1);
  });

  test("takes nothing while the store is down, and goes on when it is back", async () => {
    const { kit, receiver, store } = await overStoreThatIsDown();
    receiver?.send(message("a"));
    await kit.clock.advance(5_000);
    expect(await kit.value("stowage_store_up")).toBe(0);
    expect(receiver?.settlements).toEqual([]);
    store.up = true;
    await kit.clock.advance(5_000);
    expect(receiver?.settlements).toEqual([{ messageId: "a", how: "completed" }]);
    expect(await kit.value("stowage_store_up")).toBe(1);
  });

  test("does not use up its attempts within seconds on a store that passes its probe and takes nothing", async () => {
    let readOnly = true;
    const kit = engineKit(async () =>
      readOnly ? { kind: "retry", code: "StoreUnavailable", description: "read-only file system" } : done,
    );
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(...[0, 1, 2].map((deliveryCount) => received({ messageId: `m${deliveryCount}`, deliveryCount })));
    await kit.clock.advance(500);
    expect(kit.began.length).toBeLessThanOrEqual(6);
    expect(receiver?.settlements).toEqual([]);
    expect(await kit.value("stowage_store_up")).toBe(0);
    expect((await kit.engine.ready()).ok).toBe(false);
    readOnly = false;
    await kit.clock.advance(2_000);
    expect(receiver?.settlements.map((s) => s.how)).toEqual(["completed", "completed", "completed"]);
    expect((await kit.engine.ready()).ok).toBe(true);
  });

  test("dead-letters nothing for a long outage: on its last delivery a message is held until the store is back", async () => {
    const { kit, receiver, store } = await overStoreThatIsDown();
    receiver?.send(received({ messageId: "first" }), received({ messageId: "last", deliveryCount: 2 }));
    await kit.clock.advance(130_000);
    expect(receiver?.settlements).toEqual([{ messageId: "first", how: "abandoned" }]);
    await kit.clock.advance(3_600_000);
    expect(receiver?.settlements.length).toBe(1);
    store.up = true;
    await kit.clock.advance(5_000);
    expect(receiver?.settlements.slice(1)).toEqual([{ messageId: "last", how: "completed" }]);
  });

  test("gives no credit back while the store is down: what is held stays, and nothing is added to it", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(
      async (m) =>
        m.messageId === "a" ? { kind: "retry", code: "StoreUnavailable", description: "no quorum" } : effect.promise,
      () => undefined,
      () => Promise.reject(new Error("no quorum")),
    );
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(...["a", "b", "c", "d", "e"].map((id) => message(id)));
    await kit.clock.advance(1_000);
    effect.resolve(done);
    await kit.clock.advance(1_000);
    expect(receiver?.settlements.map((s) => s.messageId)).toEqual(["b", "c", "d"]);
    expect(receiver?.waiting).toBe(1);
  });

  test("settles nothing where the process stood still beyond the lock, whatever the outcome", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("a"));
    await settled();
    kit.clock.freeze(31_000);
    effect.resolve({ kind: "poison", reason: "InvalidBody", description: "not JSON" });
    await settled();
    expect(receiver?.settlements).toEqual([]);
    expect(await kit.value("stowage_lock_lost_total")).toBe(1);
  });

  test("settles nothing after a lost lock, counts it, and names message, time and lock duration", async () => {
    const kit = engineKit(
      (_m, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ kind: "retry", code: "Interrupted", description: "stop" })),
        ),
    );
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    if (receiver !== undefined) receiver.renewError = clientError("MessageLockLost");
    receiver?.send(message("a"));
    await kit.clock.advance(16_000);
    expect(receiver?.settlements).toEqual([]);
    expect(await kit.value("stowage_lock_lost_total")).toBe(1);
    const line = kit.lines.find((each) => String(each["msg"]).startsWith("lock lost"));
    expect(line).toMatchObject({ messageId: "a", lockDurationSeconds: 30, elapsedMs: expect.any(Number) });
  });

  test("renews the lock of a message that takes long, by its own token, even beside one with the same id", async () => {
    const effect = deferred<Outcome>();
    const kit = engineKit(() => effect.promise);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("same"), message("same"));
    await kit.clock.advance(16_000);
    expect(receiver?.renewed).toEqual(["same", "same"]);
    expect(kit.began).toEqual(["same"]);
    effect.resolve(done);
    await settled();
    expect(receiver?.settlements).toHaveLength(2);
  });

  test("dead-letters poison at once, with reason and a description that the broker takes", async () => {
    const kit = engineKit(async () => ({ kind: "poison", reason: "InvalidBody", description: "x".repeat(5_000) }));
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("a"));
    await settled();
    expect(receiver?.settlements).toMatchObject([{ how: "deadLettered", reason: "InvalidBody" }]);
    expect(receiver?.settlements[0]?.description).toHaveLength(4096);
    expect(await kit.value("stowage_dead_lettered_total", { reason: "InvalidBody" })).toBe(1);
  });

  test("never gives a message that it cannot accept to the sink", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(received({ messageId: undefined }), received({ messageId: "b", replyTo: "elsewhere" }));
    await settled();
    expect(kit.began).toEqual([]);
    expect(receiver?.settlements.map((s) => s.reason)).toEqual(["MissingMessageId", "ReplyNotAllowed"]);
  });

  test("abandons after the attempts of a delivery, and dead-letters with the last error after the last delivery", async () => {
    const kit = engineKit(async () => ({ kind: "retry", code: "JobFailed", description: "exit status 1" }));
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    receiver?.send(message("first", 0), message("last", 2));
    await kit.clock.advance(5_000);
    expect(receiver?.settlements).toMatchObject([
      { messageId: "first", how: "abandoned" },
      { messageId: "last", how: "deadLettered", reason: "AttemptsExhausted" },
    ]);
    expect(await kit.value("stowage_retries_total", { code: "JobFailed" })).toBe(6);
  });

  test("replaces a link before a delivery that stays unsettled can bring it to a stand", async () => {
    const stuck = deferred<Outcome>();
    const kit = engineKit((m) => (m.messageId === "stuck" ? stuck.promise : Promise.resolve(done)));
    kit.engine.start();
    await settled();
    kit.receivers[0]?.send(message("stuck"));
    for (let i = 0; i < 12; i++) {
      kit.receivers.at(-1)?.send(...Array.from({ length: 100 }, (_, n) => message(`m-${i}-${n}`)));
      await kit.clock.advance(10);
    }
    expect(kit.receivers).toHaveLength(2);
    const [old, fresh] = kit.receivers;
    expect([old?.unsubscribed, old?.closed]).toEqual([1, 0]);
    fresh?.send(message("on the new link"));
    stuck.resolve(done);
    await kit.clock.advance(10);
    expect(old?.settlements.at(-1)).toEqual({ messageId: "stuck", how: "completed" });
    expect(old?.closed).toBe(1);
    expect(fresh?.settlements.at(-1)?.messageId).toBe("on the new link");
  });

  test("opens more links for more slots, once it knows that the bodies are small", async () => {
    const kit = engineKit(
      async () => done,
      (pipeline) => {
        pipeline.delivery.concurrency = 500;
      },
    );
    kit.engine.start();
    await settled();
    expect(kit.receivers.map((r) => r.maxCredit)).toEqual([64]);
    for (let i = 0; i < 6; i++) {
      kit.receivers[0]?.send(...Array.from({ length: 100 }, (_, n) => message(`m-${i}-${n}`)));
      await kit.clock.advance(10);
    }
    const slots = kit.receivers.reduce((sum, r) => sum + r.maxCredit, 0);
    expect(slots).toBe(500);
    expect(Math.max(...kit.receivers.map((r) => r.maxCredit))).toBeLessThanOrEqual(256);
  });

  test("reports a settlement that the entity did not take; the message comes again", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    const [receiver] = kit.receivers;
    if (receiver !== undefined) receiver.settleError = clientError("ServiceCommunicationProblem");
    receiver?.send(message("a"));
    await settled();
    expect(await kit.value("stowage_messages_total", { outcome: "unsettled" })).toBe(1);
  });
});
