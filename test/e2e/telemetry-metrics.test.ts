import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBus } from "../../runtime/bus/index.js";
import type { Outcome } from "../../runtime/contract/index.js";
import { BusKit, done, until } from "./workerKit.js";

const UNAVAILABLE: Outcome = { kind: "retry", code: "StoreUnavailable", description: "the volume is gone" };

describe("the metrics of an engine at work, with the unmodified client against the broker", () => {
  let bus: BusKit;

  beforeEach(() => {
    bus = new BusKit();
  });
  afterEach(() => bus.close());

  test("tell how long messages waited, were in the sink and at its store, and in what batches", async () => {
    await bus.open();
    await bus.send("m", [1, 2, 3, 4]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    const work = async (_: unknown, { call }: { call<T>(operation: string, run: () => Promise<T>): Promise<T> }) => {
      await call("write", () => new Promise((resolve) => setTimeout(resolve, 30)));
      await call("check", () => Promise.reject(new Error("no"))).catch(() => undefined);
      return done;
    };
    const { value } = await bus.engine(work, undefined, 4);
    await until("all are done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 4);
    const of = async (name: string, labels: { [name: string]: string } = {}) => {
      const count = await value(name, { ...labels, le: "+Inf" });
      return { count, below: (bound: string) => value(name, { ...labels, le: bound }) };
    };
    // Waited for more than half a second, at receipt as at settlement.
    for (const name of ["stowage_message_age_seconds", "stowage_settled_age_seconds"]) {
      const age = await of(name);
      expect([name, age.count, await age.below("0.5"), await age.below("60")]).toEqual([name, 4, 0, 4]);
    }
    const batches = await of("stowage_batch_messages");
    const calls = await of("stowage_sink_seconds");
    expect(calls.count).toBe(batches.count);
    expect(calls.count).toBeLessThan(4);
    expect(await calls.below("0.025")).toBe(0);
    const writes = await of("stowage_store_call_seconds", { operation: "write", result: "ok" });
    expect([writes.count, await writes.below("0.025"), await writes.below("10")]).toEqual([4, 0, 4]);
    expect((await of("stowage_store_call_seconds", { operation: "check", result: "failed" })).count).toBe(4);
    expect(await value("stowage_lock_duration_seconds")).toBe(5);
    expect(await value("stowage_lock_short")).toBe(0);
    expect(await value("stowage_circuit_openings_total")).toBe(0);
  });

  test("show the circuit while the store fails, and how often it opened", async () => {
    await bus.open({ maxDeliveryCount: 10 });
    let down = true;
    const { value } = await bus.engine(
      async () => (down ? UNAVAILABLE : done),
      (p) => {
        p.source.maxDeliveryCount = 10;
      },
      1,
      openBus,
      async () => {
        if (down) throw new Error("the volume is gone");
      },
    );
    await bus.send("m", [1]);
    await until("the circuit is open", async () => (await value("stowage_circuit_open")) === 1);
    expect(await value("stowage_circuit_openings_total")).toBe(1);
    expect(await value("stowage_store_up")).toBe(0);
    down = false;
    await until("it is done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 1);
    expect(await value("stowage_circuit_open")).toBe(0);
    expect(await value("stowage_circuit_openings_total")).toBe(1);
    expect(await value("stowage_store_up")).toBe(1);
  });

  test("tell the age of the oldest message and of the oldest dead letter, each by a look at the entity", async () => {
    await bus.open();
    await bus.send("old", ["poison", "slow"]);
    const receiver = bus.client.createReceiver("renders");
    const [poison = expect.fail("nothing came")] = await receiver.receiveMessages(1);
    await receiver.deadLetterMessage(poison);
    await receiver.close();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    let finish: (outcome: Outcome) => void = () => undefined;
    const { value } = await bus.engine(() => new Promise((resolve) => (finish = resolve)));
    await until("both are looked for", async () => (await value("stowage_dead_letter_oldest_age_seconds")) > 0);
    for (const name of ["stowage_queue_oldest_age_seconds", "stowage_dead_letter_oldest_age_seconds"]) {
      expect(await value(name)).toBeGreaterThan(1);
      expect(await value(name)).toBeLessThan(20);
    }
    await until("it is in work", async () => (await value("stowage_in_flight_messages")) === 1);
    finish(done);
    await until("it is done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 1);
  });

  test("warn from the start of a lock that is shorter than the pipeline says its messages take", async () => {
    await bus.open();
    const { value } = await bus.engine(
      async () => done,
      (p) => {
        p.delivery.slowSeconds = 6;
      },
    );
    expect(await value("stowage_lock_short")).toBe(1);
  });
});
