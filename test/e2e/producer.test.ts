import { join } from "node:path";
import type { ServiceBusMessage } from "@azure/service-bus";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ORIGINAL_ID_PROPERTY,
  type Pipeline,
  PRODUCER_SIGNATURE_PROPERTY,
  PRODUCER_TOKEN_PROPERTY,
} from "../../runtime/contract/index.js";
import { createProducer, kubernetesToken, producerEntity } from "../../runtime/producer/index.js";
import { readResults } from "../../stacks/local/gluster/index.js";
import { ClusterIssuer } from "./clusterIssuer.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

describe("a pipeline that takes signed messages alone", () => {
  let bus: BusKit;
  let kit: ProcessKit;
  let cluster: ClusterIssuer;

  beforeAll(buildBundle);
  beforeEach(async () => {
    bus = await new BusKit().open();
    kit = await new ProcessKit().open();
    cluster = await ClusterIssuer.open();
  });
  afterEach(async () => {
    await kit.close();
    await cluster.close();
    await bus.close();
  });

  const pipelineOf = (): Pipeline =>
    kit.pipeline("cat", (p) => {
      const subjects = [cluster.subject("checkout"), cluster.subject("forbidden")];
      p.producers = { requireSignature: { issuers: [{ issuer: cluster.url, subjects }] } };
      p.delivery.attempts = 1;
      p.delivery.retryBaseMilliseconds = 50;
    });

  const start = (pipeline: Pipeline): RunningWorker =>
    kit.start(pipeline, bus.connection, { NODE_EXTRA_CA_CERTS: cluster.authorityFile });

  async function producerOf(pipeline: Pipeline, serviceAccount = "checkout") {
    const token = kubernetesToken({ folder: await cluster.pod(serviceAccount), apiServer: cluster.url });
    const sender = bus.client.createSender(producerEntity(pipeline));
    return { producer: createProducer({ pipeline, sender, sign: { token } }), sender };
  }

  const stored = async () =>
    (await readResults(kit.volume, "renders")).verified.map((v) => v.manifest.messageId).toSorted();

  test("stores what its producers sign, and dead-letters everything else as unverified", async () => {
    const pipeline = pipelineOf();
    const worker = start(pipeline);
    const { producer, sender } = await producerOf(pipeline);
    await producer.send([
      { messageId: "one", body: { order: 1 }, applicationProperties: { amount: 12.5, paid: true, at: new Date() } },
      { messageId: "two", body: "text", subject: "s", correlationId: "c" },
      { messageId: "three", body: new Uint8Array([0, 255]), sessionId: "s-1" },
    ]);
    await until("they are stored", async () => (await stored()).length === 3);
    const copy = await producer.message({ messageId: "four", body: { order: 4 } });
    const stranger = await (await producerOf(pipeline, "stranger")).producer.message({
      messageId: "strange",
      body: "x",
    });
    const bad: ServiceBusMessage[] = [
      { messageId: "unsigned", body: Buffer.from("x") },
      { ...copy, messageId: "other-id" },
      { ...copy, messageId: "other-body", body: Buffer.from("{}") },
      stranger,
    ];
    await sender.sendMessages(bad);
    const dead = await bus.deadLetters(4);
    expect(dead.map((m) => [m.messageId, m.deadLetterReason]).toSorted()).toEqual(
      ["other-body", "other-id", "strange", "unsigned"].map((id) => [id, "UnverifiedProducer"]),
    );
    const described = Object.fromEntries(dead.map((m) => [m.messageId, m.deadLetterErrorDescription]));
    expect(described["unsigned"]).toContain("it has no property stowage-producer-token");
    expect(described["strange"]).toContain('"system:serviceaccount:shop:stranger", which may not publish');
    expect(described["other-id"]).toContain("does not hold");
    // A replay under another id is the same message: done before.
    const properties = { ...copy.applicationProperties, [ORIGINAL_ID_PROPERTY]: "four" };
    await sender.sendMessages(copy);
    await sender.sendMessages({ ...copy, messageId: "replayed", applicationProperties: properties });
    await until("all is settled", () => bus.broker.counts("renders").active === 0);
    expect(await stored()).toEqual(["four", "one", "three", "two"]);
    const metrics = (await worker.ask("/metrics")).text;
    expect(metrics).toMatch(/stowage_dead_lettered_total\{.*reason="UnverifiedProducer".*\} 4\n/);
    expect(metrics).toMatch(/stowage_messages_total\{.*outcome="duplicate".*\} 1\n/);
    const printed = JSON.stringify(worker.lines) + worker.stderr;
    for (const name of [PRODUCER_TOKEN_PROPERTY, PRODUCER_SIGNATURE_PROPERTY])
      expect(printed).not.toContain(String(copy.applicationProperties?.[name]));
    expect(cluster.asked.filter((path) => path.endsWith("/jwks"))).toHaveLength(1);
  }, 40_000);

  test.each<[string, (down: boolean) => Promise<void>]>([
    ["cannot be reached", (down) => (down ? cluster.down() : cluster.listen())],
    [
      "would send the worker elsewhere for its keys",
      async (down) => {
        cluster.redirects = down;
      },
    ],
  ])(
    "waits while its issuer %s, and loses no message by it",
    async (_what, turn) => {
      const pipeline = pipelineOf();
      const { producer } = await producerOf(pipeline);
      const messages = Array.from({ length: 5 }, (_, i) => ({ messageId: `m-${i}`, body: { i } }));
      await producer.send(messages);
      await turn(true);
      const worker = start(pipeline);
      await until("the intake is shut", () =>
        worker.lines.some((line) => String(line["msg"]).startsWith("store down")),
      );
      const shut = await worker.ask("/readyz");
      expect(shut.status).toBe(503);
      expect(cluster.asked).not.toContain("/others/jwks");
      expect(bus.broker.counts("renders")).toMatchObject({ deadLetter: 0 });
      await turn(false);
      await until("all are stored", async () => (await stored()).length === 5, 20);
      expect((await worker.ask("/readyz")).status).toBe(200);
      expect(bus.broker.counts("renders")).toMatchObject({ active: 0, deadLetter: 0 });
    },
    40_000,
  );

  test("reads a topic's subscription with sessions: signed for the topic, in the order of each session", async () => {
    const settings = { lockDurationSeconds: 5, maxDeliveryCount: 3 };
    bus.broker.putTopic("events", {});
    bus.broker.putSubscription("events", "audit", { ...settings, requiresSession: true });
    const pipeline = pipelineOf();
    pipeline.source = { ...pipeline.source, topic: "events", subscription: "audit", sessions: true };
    delete pipeline.source.queue;
    const worker = start(pipeline);
    const { producer, sender } = await producerOf(pipeline);
    const drafts = Array.from({ length: 12 }, (_, i) => ({
      messageId: `m-${i}`,
      sessionId: `s-${i % 3}`,
      body: { i },
    }));
    await producer.send(drafts);
    const signed = await producer.message({ messageId: "moved", sessionId: "s-0", body: { moved: true } });
    await sender.sendMessages({ ...signed, sessionId: "s-1" });
    await until("the moved one is dead", () => bus.broker.counts("events/subscriptions/audit").deadLetter === 1);
    const doneLines = () => worker.lines.filter((line) => line["msg"] === "done");
    await until("all others are stored", () => doneLines().length === 12, 20);
    const done = doneLines().map((line) => String(line["messageId"]));
    expect(await stored()).toHaveLength(12);
    for (const session of [0, 1, 2]) {
      const ofSession = done.filter((id) => Number(id.slice(2)) % 3 === session);
      expect(ofSession).toEqual(drafts.filter((d) => d.sessionId === `s-${session}`).map((d) => d.messageId));
    }
  }, 40_000);

  test("gets no token where the service account may not ask for one, or there is none", async () => {
    const pipeline = pipelineOf();
    const refused = (await producerOf(pipeline, "forbidden")).producer.message({ body: "x" });
    await expect(refused).rejects.toMatchObject({ code: "TokenRequestRefused" });
    const nowhere = createProducer({
      pipeline,
      sign: { token: kubernetesToken({ folder: join(kit.folder, "none"), apiServer: cluster.url }) },
    });
    await expect(nowhere.message({ body: "x" })).rejects.toMatchObject({ code: "NotInPod" });
    // A server whose certificate the cluster's authority did not sign is told nothing.
    const other = await ClusterIssuer.open();
    try {
      const folder = await cluster.pod("checkout");
      const strange = createProducer({ pipeline, sign: { token: kubernetesToken({ folder, apiServer: other.url }) } });
      await expect(strange.message({ body: "x" })).rejects.toMatchObject({ code: "TokenRequestFailed" });
      expect(other.asked).toEqual([]);
    } finally {
      await other.close();
    }
  });
});
