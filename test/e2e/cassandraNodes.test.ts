import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { applySchema } from "../../runtime/sinks/cassandra/index.js";
import { BrokerProcess } from "../support/brokerProcess.js";
import { connectionOf, pipelineOf, readings, startTestRing, type TestRing } from "./cassandraHarness.js";
import { Load, storedAtAll } from "./cassandraLoad.js";
import { until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

// A real ring of three, a real worker, and readings on their way all the time. What is read in the end is read at ALL.

const LONG = process.env["STOWAGE_LONG"] === "1";
/** Readings a second: far below what a machine of two cores takes while a node starts. */
const PER_SECOND = LONG ? 500 : 150;
/** Times that everything is done. */
const ROUNDS = LONG ? 4 : 1;
/** How long a ring with one node of three is watched, in milliseconds: for nothing to happen takes time. */
const WATCHED_MS = LONG ? 60_000 : 4_000;
const QUEUE = "readings";
const never = new AbortController().signal;

let kit: TestRing;
let broker: BrokerProcess;
let processes: ProcessKit;

beforeAll(async () => {
  await buildBundle();
  processes = new ProcessKit();
  broker = await BrokerProcess.start({}, { execArgv: [] });
  kit = await startTestRing({
    name: "nodes",
    datacenter: "dc1",
    size: 3,
    racks: ["r1", "r2", "r3"],
    numTokens: 4,
    // A time-out comes sooner than in the local ring, as in production; each row is on the disk when it is acknowledged.
    settings: { write_request_timeout: "3s", commitlog_sync: "group" },
  });
}, 240_000);

afterAll(async () => {
  await processes.close();
  await broker.close();
  await kit.end();
}, 60_000);

/** A worker under load on a table and a queue of its own. */
class Scene {
  load: Load | undefined;

  private constructor(
    readonly table: string,
    readonly worker: RunningWorker,
  ) {}

  static async open(name: string): Promise<Scene> {
    await broker.putQueue(QUEUE, { lockDurationSeconds: 60, maxDeliveryCount: 10 });
    await broker.watch(QUEUE);
    const table = readings(name, { lastWriterPerCell: true });
    const pipeline = pipelineOf(table, { dc1: 3 });
    const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${broker.address.port}`, developmentEmulator: true };
    const connection = { ...connectionOf(kit.ring), serviceBus };
    await applySchema(pipeline, connection, never);
    const scene = new Scene(`${table.keyspace}.${table.name}`, processes.start(pipeline, connection));
    scene.load = new Load(broker.address.connectionString, QUEUE, PER_SECOND);
    await scene.goesOn(PER_SECOND);
    return scene;
  }

  /** A metric of the worker by name and label. */
  async metric(name: string, label = ""): Promise<number> {
    const { text } = await this.worker.ask("/metrics");
    const found = text.split("\n").find((one) => one.startsWith(`${name}{`) && one.includes(label));
    return Number(found?.slice(found.lastIndexOf(" ")) ?? 0);
  }

  done(): Promise<number> {
    return this.metric("stowage_messages_total", 'outcome="done"');
  }

  /** Waits until so many more messages are done. */
  async goesOn(messages: number): Promise<void> {
    const from = await this.done();
    await until("the worker goes on", async () => (await this.done()) >= from + messages, 60);
  }

  /**
   * Lets everything come to an end and compares: all rows that were sent, with their values, and no other; every message
   * completed by its first delivery.
   */
  async settle(): Promise<void> {
    await this.load?.stop();
    const empty = async () => {
      const { active, deadLetter } = await broker.counts(QUEUE);
      expect(deadLetter).toBe(0);
      return active === 0;
    };
    await until("all messages are settled", empty, 90);
    const expected = this.load?.expected() ?? [];
    expect(expected.length).toBeGreaterThan(PER_SECOND);
    expect(await storedAtAll(kit.client, this.table)).toEqual(expected);
    const fates = await broker.fates(QUEUE);
    const counts = new Map<string, number>();
    for (const { outcome, deliveries } of fates) {
      const key = `${outcome} by delivery ${deliveries}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    process.stdout.write(`${this.table}: ${[...counts].map(([what, n]) => `${n} messages ${what}`).join(", ")}\n`);
    expect([...counts.keys()]).toEqual(["completed by delivery 1"]);
    // Of a message that came twice under one id the broker tells the last one's fate only.
    for (const outcome of ["abandoned", "released", "lock_lost", "unsettled"])
      expect(await this.metric("stowage_messages_total", `outcome="${outcome}"`)).toBe(0);
  }

  async close(): Promise<void> {
    await this.load?.stop();
    await this.worker.kill();
    await broker.deleteQueue(QUEUE);
  }
}

/** Ends a node as its operator would, and waits until it is gone. */
async function shutDown(index: number): Promise<void> {
  const { pid } = kit.ring.nodes()[index] ?? {};
  if (pid === undefined) throw new Error(`Node ${index} does not run.`);
  process.kill(pid, "SIGTERM");
  await until(`node ${index} has ended`, () => kit.ring.nodes()[index]?.alive === false, 30);
}

/** How often a message has been given back so far, at most: what a look at the queue from outside says. */
async function mostDeliveries(): Promise<number> {
  const client = new ServiceBusClient(broker.address.connectionString);
  try {
    const messages = await client.createReceiver(QUEUE).peekMessages(500);
    return Math.max(0, ...messages.map(({ deliveryCount = 0 }) => deliveryCount));
  } finally {
    await client.close();
  }
}

describe("under load a ring of three", () => {
  let scene: Scene;

  afterEach(() => scene.close());

  test("loses a node to kill -9, and no row; the node comes back, and nothing is missing", async () => {
    scene = await Scene.open("one_killed");
    for (let round = 0; round < ROUNDS; round++) {
      const node = round % 3;
      await kit.ring.kill(node);
      await scene.goesOn(PER_SECOND * 2);
      await kit.ring.start(node);
      await scene.goesOn(PER_SECOND);
    }
    await scene.settle();
  }, 600_000);

  test("is restarted node by node, and no row is missing", async () => {
    scene = await Scene.open("rolled");
    for (let node = 0; node < 3 * ROUNDS; node++) {
      await shutDown(node % 3);
      await scene.goesOn(PER_SECOND);
      await kit.ring.start(node % 3);
    }
    await scene.settle();
  }, 900_000);

  test("loses two nodes: the intake pauses, no delivery is counted, and it goes on by itself once they are back", async () => {
    scene = await Scene.open("two_killed");
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all([kit.ring.kill(1), kit.ring.kill(2)]);
      await until("the circuit is open", async () => (await scene.metric("stowage_circuit_open")) === 1, 60);
      await until("what was in work waits", async () => (await scene.metric("stowage_store_up")) === 0, 60);
      const before = { done: await scene.done(), held: await scene.metric("stowage_in_flight_messages") };
      const { active } = await broker.counts(QUEUE);
      const end = Date.now() + WATCHED_MS;
      while (Date.now() < end) {
        expect(await scene.metric("stowage_circuit_open")).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      expect(await scene.done()).toBe(before.done);
      expect(await scene.metric("stowage_in_flight_messages")).toBeLessThanOrEqual(before.held);
      expect((await broker.counts(QUEUE)).active).toBeGreaterThan(active);
      expect(await mostDeliveries()).toBe(0);
      await kit.ring.start(1);
      await kit.ring.start(2);
      await scene.goesOn(PER_SECOND);
    }
    await scene.settle();
  }, 900_000);
});
