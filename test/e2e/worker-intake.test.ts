import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../runtime/contract/index.js";
import { deferred } from "../unit/bus/fakes.js";
import { BusKit, done, until } from "./workerKit.js";

const KIBIBYTE = 1024;
const MIBIBYTE = 1024 * KIBIBYTE;

describe("the intake of a queue on the real client", () => {
  let kit: BusKit;
  afterEach(() => kit.close());

  const counts = () => kit.broker.counts("renders");

  test("goes on behind a message that is stuck, far beyond what one link can have unsettled", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 60 });
    const [stuck, began] = [deferred<Outcome>(), deferred<void>()];
    let others = 0;
    await kit.engine(
      async ({ messageId }) => {
        if (messageId !== "stuck-0") others++;
        else began.resolve();
        return messageId === "stuck-0" ? stuck.promise : done;
      },
      (p) => {
        p.source.lockDurationSeconds = 60;
        p.delivery.concurrency = 16;
      },
    );
    await kit.send("stuck", [{}]);
    await began.promise;
    await kit.send(
      "m",
      Array.from({ length: 10_000 }, () => "x"),
    );
    await until("all others are settled", () => counts().active === 1, 60);
    expect(others).toBe(10_000);
    stuck.resolve(done);
    await until("the stuck one is settled too", () => counts().active === 0);
  }, 90_000);

  test("lets no partition wait for another: one that fills its batches and hangs takes its own places only", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 60 });
    const hang = deferred<Outcome>();
    let [hot, others] = [0, 0];
    await kit.engine(
      async ({ partitionKey }) => {
        if (partitionKey !== "hot") others++;
        else hot++;
        return partitionKey === "hot" ? hang.promise : done;
      },
      (p) => {
        p.source.lockDurationSeconds = 60;
        p.delivery.concurrency = 16;
      },
      4,
    );
    const sender = kit.client.createSender("renders");
    const keyed = (partitionKey: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ body: "x", messageId: `${partitionKey}-${i}`, partitionKey }));
    await sender.sendMessages(keyed("hot", 12));
    await until("the flood is in work", () => hot === 12);
    await sender.sendMessages(keyed("other", 500));
    await until("the others are settled", () => counts().active === 12, 30);
    expect(others).toBe(500);
    hang.resolve(done);
    await until("all are settled", () => counts().active === 0);
    await sender.close();
  }, 60_000);

  test("holds no more bytes than the pipeline says, however the sizes of bodies mix", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 60 });
    const limit = 2 * MIBIBYTE;
    const largest = 200 * KIBIBYTE;
    const sender = kit.client.createSender("renders");
    for (let i = 0; i < 400; i++) {
      const body = randomBytes(i % 3 === 0 ? largest : i % 50 === 1 ? 20 * KIBIBYTE : 100);
      await sender.sendMessages({ body, messageId: `m-${i}` });
    }
    await sender.close();
    let [held, most, together] = [0, 0, 0];
    await kit.engine(
      async ({ body }) => {
        held += body.length;
        most = Math.max(most, held);
        together++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        held -= body.length;
        return done;
      },
      (p) => {
        p.source.lockDurationSeconds = 60;
        p.delivery.concurrency = 200;
        p.delivery.maxHeldBytes = limit;
      },
    );
    await until("all are settled", () => counts().active === 0, 60);
    expect(together).toBe(400);
    // Several at once. What is on its way counts as large as the last large one, so that it never comes on top.
    expect(most).toBeGreaterThan(2 * largest);
    expect(most).toBeLessThanOrEqual(limit + largest);
  }, 90_000);

  test("takes nothing more once the store is found down, and goes on when it is back", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 60 });
    let up = false;
    const seen = new Set<string>();
    const { engine } = await kit.engine(
      async ({ messageId }) => {
        seen.add(messageId);
        return up ? done : { kind: "retry", code: "StoreUnavailable", description: "no quorum" };
      },
      (p) => {
        p.source.lockDurationSeconds = 60;
        p.delivery.concurrency = 32;
      },
      1,
      undefined,
      async () => {
        if (!up) throw new Error("no quorum");
      },
    );
    await kit.send("first", [{}]);
    await until("the store is found down", async () => !(await engine.ready()).ok && seen.size === 1);
    // The client takes the credit back within 200 ms; what comes by then is held.
    await until("no credit is out", async () => {
      const before = counts();
      await kit.send(`probe-${before.active}`, [{}]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      return counts().locked === before.locked;
    });
    const { locked, active } = counts();
    await kit.send(
      "late",
      Array.from({ length: 100 }, () => "x"),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(counts()).toMatchObject({ locked, active: active + 100 });
    expect(locked).toBeLessThan(32);
    up = true;
    await until("all are settled", () => counts().active === 0, 30);
  }, 60_000);
});
