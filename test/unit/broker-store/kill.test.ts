import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ServiceBusClient, type ServiceBusReceiver } from "@azure/service-bus";
import { expect, it, onTestFinished } from "vitest";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { fuzzSeed, Seeded } from "../broker-fuzz/seeded.js";

/** How often the broker is killed, each time at another moment. */
const KILLS = 6;
const QUEUES = ["plain", "rooms"] as const;
const SENDERS = 4;
/** The latest moment of a kill, in milliseconds after traffic began. */
const LATEST_MS = 400;

/** What clients were told, over all the lives of the broker. */
interface Told {
  /** Acknowledged by the broker. */
  readonly sent: Set<string>;
  /** Completed, and confirmed by the broker. */
  readonly completed: Set<string>;
  /** Sent or completed without an answer: they may be there or not. */
  readonly uncertain: Set<string>;
  /** Received after they were confirmed as completed: there must be none. */
  readonly resurrected: string[];
}

/** Sends and completes until the broker is gone. */
function traffic(connectionString: string, told: Told, life: number) {
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 2_000 } });
  let running = true;
  let next = 0;
  const send = async (queue: (typeof QUEUES)[number]): Promise<void> => {
    const sender = client.createSender(queue);
    while (running) {
      const ids = Array.from({ length: 3 }, () => `${queue}-${life}-${next++}`);
      for (const id of ids) told.uncertain.add(id);
      const session = queue === "rooms" ? { sessionId: `s${next % 3}` } : {};
      try {
        await sender.sendMessages(ids.map((messageId) => ({ body: messageId, messageId, ...session })));
        for (const id of ids) {
          told.uncertain.delete(id);
          told.sent.add(id);
        }
      } catch {
        return;
      }
    }
  };
  const receive = async (): Promise<void> => {
    const receiver = client.createReceiver("plain");
    while (running) {
      let messages: Awaited<ReturnType<typeof receiver.receiveMessages>>;
      try {
        messages = await receiver.receiveMessages(10, { maxWaitTimeInMs: 200 });
      } catch {
        return;
      }
      for (const message of messages) {
        const id = String(message.messageId);
        if (told.completed.has(id)) told.resurrected.push(id);
        told.uncertain.add(id);
        try {
          await receiver.completeMessage(message);
          told.uncertain.delete(id);
          told.completed.add(id);
        } catch {
          return;
        }
      }
    }
  };
  const work = [...Array.from({ length: SENDERS }, () => send("plain")), send("rooms"), receive()];
  return {
    async stop(): Promise<void> {
      running = false;
      await Promise.all(work);
      await client.close().catch(() => {});
    },
  };
}

/** Everything that is left, taken out: of a queue what it counts, of a session what comes before nothing does. */
async function drain(broker: BrokerProcess): Promise<string[]> {
  const client = new ServiceBusClient(broker.address.connectionString, { retryOptions: { maxRetries: 0 } });
  const ids: string[] = [];
  const all = async (receiver: ServiceBusReceiver, isEmpty: () => Promise<boolean>): Promise<void> => {
    for (;;) {
      const messages = await receiver.receiveMessages(500, { maxWaitTimeInMs: 300 });
      ids.push(...messages.map(({ messageId }) => String(messageId)));
      if (messages.length === 0 && (await isEmpty())) break;
    }
    await receiver.close();
  };
  const isEmpty = async (queue: string) => (await broker.counts(queue)).active === 0;
  try {
    await all(client.createReceiver("plain", { receiveMode: "receiveAndDelete" }), () => isEmpty("plain"));
    // As often as a busy machine needs to give out what it has of each.
    do {
      for (const session of ["s0", "s1", "s2"]) {
        const held = await client.acceptSession("rooms", session, { receiveMode: "receiveAndDelete" });
        await all(held, async () => true);
      }
    } while (!(await isEmpty("rooms")));
    return ids;
  } finally {
    await client.close();
  }
}

it("a broker that is killed again and again loses nothing it acknowledged, and brings back nothing it confirmed as completed", async () => {
  const data = mkdtempSync(join(tmpdir(), "stowage-kill-"));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const seed = fuzzSeed();
  const seeded = new Seeded(seed);
  console.log(`kill: STOWAGE_FUZZ_SEED=${seed}`);
  const told: Told = { sent: new Set(), completed: new Set(), uncertain: new Set(), resurrected: [] };
  for (let life = 0; life < KILLS; life++) {
    const broker = await BrokerProcess.start({ data }, { execArgv: [] });
    onTestFinished(() => broker.kill());
    if (life === 0) {
      await broker.putQueue("plain");
      await broker.putQueue("rooms", { requiresSession: true });
    }
    const clients = traffic(broker.address.connectionString, told, life);
    await delay(50 + seeded.below(LATEST_MS));
    await broker.kill();
    await clients.stop();
  }
  const last = await BrokerProcess.start({ data }, { execArgv: [] });
  onTestFinished(() => last.kill());
  const left = await drain(last);
  await last.close();
  expect(last.stderr).toBe("");
  const there = new Set(left);
  console.log(
    `kill: ${told.sent.size} sent, ${told.completed.size} completed, ${left.length} left after ${KILLS} kills`,
  );
  expect(told.sent.size).toBeGreaterThan(100);
  expect(told.completed.size).toBeGreaterThan(20);
  expect(there.size).toBe(left.length);
  expect(told.resurrected).toEqual([]);
  expect([...told.completed].filter((id) => there.has(id))).toEqual([]);
  const lost = [...told.sent].filter((id) => !there.has(id) && !told.completed.has(id) && !told.uncertain.has(id));
  expect(lost).toEqual([]);
}, 90_000);
