import { afterEach, describe, expect, test } from "vitest";
import { openBus } from "../../runtime/bus/index.js";
import { BusKit, done, until } from "./workerKit.js";

describe("a worker whose receiver has stopped without a word", () => {
  let kit: BusKit | undefined;
  afterEach(() => kit?.close());

  test("replaces it, and gets what waits", async () => {
    kit = await new BusKit().open();
    // An empty queue: the link to it is attached, has credit, and brings nothing. That is how a stopped receiver looks.
    kit.broker.putQueue("elsewhere", {});
    let receivers = 0;
    const { value } = await kit.engine(
      async () => done,
      (p) => {
        p.delivery.noProgressSeconds = 4;
      },
      1,
      async (connection, pipeline) => {
        const bus = await openBus(connection, pipeline);
        const silent = await openBus(connection, { ...pipeline, source: { ...pipeline.source, queue: "elsewhere" } });
        return { ...bus, createReceiver: () => (receivers++ === 0 ? silent.createReceiver() : bus.createReceiver()) };
      },
    );
    await kit.send("m", [1, 2, 3]);
    await until("all are done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 3, 30);
    expect(await value("stowage_recycles_total", { what: "receiver" })).toBe(1);
    expect(await value("stowage_recycles_total", { what: "client" })).toBe(0);
  }, 40_000);

  test("replaces its client where the connection is half open, and settles what it holds over the new one", async () => {
    kit = await new BusKit().open({ lockDurationSeconds: 30 });
    const { broker } = kit;
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { value } = await kit.engine(
      async (message) => {
        if (message.messageId === "held-0") await held;
        return done;
      },
      (p) => {
        p.source.lockDurationSeconds = 30;
        p.delivery.noProgressSeconds = 3;
      },
    );
    await kit.send("held", ["x"]);
    await until("one is in work", async () => (await value("stowage_in_flight_messages")) === 1);
    broker.faults.freeze();
    await until(
      "the client is replaced",
      async () => (await value("stowage_recycles_total", { what: "client" })) >= 1,
      20,
    );
    goOn();
    await until("it is settled", async () => (await value("stowage_messages_total", { outcome: "done" })) === 1, 20);
    broker.faults.thaw();
    await kit.send("late", [1, 2]);
    await until(
      "the others are done",
      async () => (await value("stowage_messages_total", { outcome: "done" })) === 3,
      20,
    );
    expect(await value("stowage_lock_lost_total")).toBe(0);
  }, 60_000);
});
