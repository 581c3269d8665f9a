import { setTimeout as wait } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { BusKit, done, until } from "./workerKit.js";

const LOCK_SECONDS = 10;

let kit: BusKit | undefined;
afterEach(async () => {
  kit?.broker.faults.clear();
  await kit?.close();
});

test("a renewal that went down with its connection is made again while the lock holds", async () => {
  kit = await new BusKit().open({ lockDurationSeconds: LOCK_SECONDS });
  const { faults } = kit.broker;
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { value } = await kit.engine(
    async () => {
      await held;
      return done;
    },
    (p) => {
      p.source.lockDurationSeconds = LOCK_SECONDS;
    },
  );
  const renewals = (result: string): Promise<number> => value("stowage_lock_renewals_total", { result });
  await kit.send("m", ["one"]);
  await until("it is in work", async () => (await value("stowage_in_flight_messages")) === 1);
  // What is asked at half of the lock gets no answer, and its connection is gone a moment later.
  await wait(LOCK_SECONDS * 450);
  faults.freeze();
  await wait(LOCK_SECONDS * 100);
  faults.dropConnections();
  faults.clear();
  await until("it is renewed", async () => (await renewals("renewed")) >= 1, LOCK_SECONDS);
  expect(await renewals("failed")).toBeGreaterThanOrEqual(1);
  // Beyond the first lock.
  await wait(LOCK_SECONDS * 500);
  goOn();
  await until("it is done", async () => (await value("stowage_messages_total", { outcome: "done" })) === 1);
  expect(await value("stowage_lock_lost_total")).toBe(0);
}, 60_000);
