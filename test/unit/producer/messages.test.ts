import { AsyncLocalStorage } from "node:async_hooks";
import type { ServiceBusMessage } from "@azure/service-bus";
import { type Context, type ContextManager, context, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { describe, expect, test } from "vitest";
import type { Pipeline, TableDefinition } from "../../../runtime/contract/index.js";
import { createProducer, type Draft, type MessageSender, producerEntity } from "../../../runtime/producer/index.js";
import { pipelineOf } from "../bus/fakes.js";
import { pipelineTo, readings } from "../support/pipelines.js";
import { SigningKit } from "./kit.js";

const messageOf = (pipeline: Pipeline, draft: Draft) => createProducer({ pipeline }).message(draft);

describe("a producer's message", () => {
  test.each<[string, Draft["body"], string, string]>([
    ["an object", { a: "ä" }, '{"a":"ä"}', "application/json"],
    ["a text", "ä", "ä", "text/plain; charset=utf-8"],
    ["bytes", new Uint8Array([97]).subarray(0, 1), "a", "application/octet-stream"],
  ])("has the bytes of %s, their type, and an id of its own", async (_what, body, bytes, contentType) => {
    const [one, two] = [await messageOf(pipelineOf(), { body }), await messageOf(pipelineOf(), { body })];
    expect(one).toMatchObject({
      body: Buffer.from(bytes),
      contentType,
      messageId: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(one.messageId).not.toBe(two.messageId);
  });

  test("keeps what its draft says", async () => {
    const draft = {
      messageId: "m-1",
      contentType: "text/csv",
      subject: "s",
      correlationId: "c",
      replyTo: "Answers",
      replyToSessionId: "r",
      timeToLive: 60_000,
      scheduledEnqueueTimeUtc: new Date(),
      applicationProperties: { a: 1 },
    };
    expect(await messageOf(pipelineOf(), { body: "x", ...draft })).toEqual({ ...draft, body: Buffer.from("x") });
  });

  test("has the partition key that the table's columns give, and is refused where it could not become a row", async () => {
    const pipeline = pipelineTo("cassandra");
    const body = { device: "device-7", day: "2026-01-31", time: "2026-01-31T10:00:00Z" };
    expect(await messageOf(pipeline, { body })).toMatchObject({ partitionKey: "device-7|2026-01-31" });
    const { day: _, ...without } = body;
    await expect(messageOf(pipeline, { body: without })).rejects.toThrow(/MissingValue: Column day has no value/);
    await expect(messageOf(pipeline, { body: "{" })).rejects.toThrow(/InvalidBody/);
    await expect(messageOf(pipeline, { body, partitionKey: "device-8|2026-01-31" })).rejects.toThrow(
      /PartitionKeyMismatch/,
    );
    const inSession = await messageOf(pipeline, { body, sessionId: "s-1" });
    expect(inSession).not.toHaveProperty("partitionKey");
    await expect(messageOf(pipeline, { body: without, sessionId: "s-1" })).rejects.toThrow(/MissingValue/);
    // Longer than the entity takes: the worker does not ask for one.
    const long = await messageOf(pipeline, { body: { ...body, device: "d".repeat(200) } });
    expect(long.partitionKey).toBeUndefined();
  });

  test("reads a partition key from properties and envelope as the worker does", async () => {
    const pipeline = pipelineTo("cassandra");
    const columns = {
      ...readings.columns,
      device: { type: "text" as const, property: "device" },
      day: { type: "text" as const, message: "subject" as const },
    };
    if (pipeline.sink.cassandra !== undefined) pipeline.sink.cassandra.table = { ...readings, columns };
    const body = { time: "2026-01-31T10:00:00Z" };
    const draft = { body, subject: "monday", applicationProperties: { device: "d-1" } };
    expect(await messageOf(pipeline, draft)).toMatchObject({ partitionKey: "d-1|monday" });
  });

  test("of a table of CloudEvents goes as one, in either form, with the bucket of its time in the partition key", async () => {
    const pipeline = pipelineTo("cassandra");
    if (pipeline.sink.cassandra === undefined) throw new Error("the test's pipeline has a Cassandra sink");
    const table: TableDefinition = {
      ...readings,
      columns: {
        device: { type: "text", body: "device" },
        day: { type: "date", bucket: "day" },
        time: { type: "timestamp", attribute: "time" },
        id: { type: "text", attribute: "id" },
      },
      from: { format: "cloudevents", time: { attribute: "time" } },
    };
    pipeline.sink = { cassandra: { ...pipeline.sink.cassandra, table } };
    const attributes = {
      specversion: "1.0",
      id: "e-1",
      source: "/plant",
      type: "reading",
      time: "2026-01-31T23:00:00-02:00",
    };
    const whole = await messageOf(pipeline, { body: { ...attributes, data: { device: "d-1" } } });
    const key = { partitionKey: "d-1|2026-02-01" };
    expect(whole).toMatchObject({ ...key, contentType: "application/cloudevents+json; charset=utf-8" });
    const applicationProperties = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`cloudEvents:${name}`, value]),
    );
    const binary = await messageOf(pipeline, { body: { device: "d-1" }, applicationProperties });
    expect(binary).toMatchObject({ ...key, contentType: "application/json" });
    await expect(messageOf(pipeline, { body: { device: "d-1" } })).rejects.toThrow(
      /InvalidBody: .*specversion is not 1\.0/,
    );
  });

  test("of a storage command is in its volume's session, and is refused where the command is none", async () => {
    const pipeline = pipelineTo("linstor");
    const body = { action: "create", volume: "vol_1", sizeKib: 4096 };
    expect(await messageOf(pipeline, { body })).toMatchObject({ sessionId: "vol_1" });
    expect(await messageOf(pipeline, { body: JSON.stringify(body) })).toMatchObject({ sessionId: "vol_1" });
    await expect(messageOf(pipeline, { body: { action: "create", volume: "vol_1" } })).rejects.toThrow(/body\.sizeKib/);
  });

  test.each<[string, Partial<Draft>, (p: Pipeline) => void, RegExp]>([
    ["an id too long", { messageId: "m".repeat(129) }, () => undefined, /messageId: must have 1 to 128 characters/],
    ["an empty id", { messageId: "" }, () => undefined, /messageId/],
    [
      "no session where the entity has them",
      {},
      (p) => Object.assign(p.source, { sessions: true }),
      /sessionId: is missing/,
    ],
    [
      "a partition key that is not its session's",
      { sessionId: "s", partitionKey: "p" },
      () => undefined,
      /partitionKey/,
    ],
    ["a reply address that is not listed", { replyTo: "elsewhere" }, () => undefined, /Use one of answers/],
  ])("is refused with %s", async (_what, draft, change, words) => {
    await expect(messageOf(pipelineOf(change), { body: "x", ...draft })).rejects.toThrow(words);
  });

  test("carries the active trace context, and none where there is none", async () => {
    expect((await messageOf(pipelineOf(), { body: "x" })).applicationProperties).toEqual({});
    const storage = new AsyncLocalStorage<Context>();
    const manager: ContextManager = {
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (active, run, self, ...args) => storage.run(active, () => run.call(self as never, ...args)),
      bind: (_active, target) => target,
      enable: () => manager,
      disable: () => manager,
    };
    context.setGlobalContextManager(manager);
    try {
      const span = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 };
      const active = trace.setSpanContext(context.active(), span);
      const sent = await context.with(active, () => messageOf(pipelineOf(), { body: "x" }));
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      expect(sent.applicationProperties).toEqual({ traceparent });
    } finally {
      context.disable();
    }
  });
});

/** A sender that holds at most `size` messages in a batch, and those of 1,000 bytes or more not at all. */
function senderOf(size: number) {
  const sent: string[][] = [];
  class Batch {
    readonly messages: ServiceBusMessage[] = [];
    get count(): number {
      return this.messages.length;
    }
    tryAddMessage(message: ServiceBusMessage): boolean {
      if (this.messages.length >= size || message.body.length >= 1_000) return false;
      this.messages.push(message);
      return true;
    }
  }
  const sender = {
    createMessageBatch: async () => new Batch(),
    sendMessages: async ({ messages }: Batch) => void sent.push(messages.map((message) => String(message.messageId))),
  };
  // Of the client's batch and sender only these members are used.
  return { sent, sender: sender as unknown as MessageSender };
}

describe("sending", () => {
  test("fills batches of one session each, in the order of the drafts", async () => {
    const { sent, sender } = senderOf(2);
    const producer = createProducer({ pipeline: pipelineOf(), sender });
    const draft = (messageId: string, sessionId: string): Draft => ({ body: "x", messageId, sessionId });
    await producer.send([draft("1", "a"), draft("2", "b"), draft("3", "a"), draft("4", "a")]);
    await producer.send(draft("5", "a"));
    expect(sent).toEqual([["1", "3"], ["4"], ["2"], ["5"]]);
  });

  test("names the message that is too large, and has sent those before it", async () => {
    const { sent, sender } = senderOf(5);
    const producer = createProducer({ pipeline: pipelineOf(), sender });
    const drafts = ["x", "x".repeat(1_000)].map((body, i) => ({ body, messageId: `m-${i}` }));
    await expect(producer.send(drafts)).rejects.toMatchObject({
      code: "MessageTooLarge",
      message: expect.stringContaining('"m-1" is larger than the entity takes: its body has 1000 bytes'),
    });
    expect(sent).toEqual([["m-0"]]);
  });

  test("goes to the topic that a subscription's pipeline reads from, or to the queue", () => {
    expect(producerEntity(pipelineOf())).toBe("renders");
    const { queue: _, ...source } = pipelineOf().source;
    expect(
      producerEntity(
        pipelineOf((p) => Object.assign(p, { source: { ...source, topic: "events", subscription: "a" } })),
      ),
    ).toBe("events");
  });
});

describe("a signing producer", () => {
  test("asks for one token, and for another once most of its time is over", async () => {
    const kit = await SigningKit.create();
    const audiences: string[] = [];
    const { issuer, pipeline } = kit;
    const token = (audience: string) => {
      audiences.push(audience);
      return issuer.token(audience);
    };
    const producer = createProducer({ pipeline, sign: { token, now: () => issuer.time.now() } });
    await Promise.all(Array.from({ length: 10 }, (_, i) => producer.message({ body: { i } })));
    expect(audiences).toHaveLength(1);
    issuer.time.milliseconds += 0.79 * 3_600_000;
    await producer.message({ body: "x" });
    expect(audiences).toHaveLength(1);
    issuer.time.milliseconds += 0.02 * 3_600_000;
    await producer.message({ body: "x" });
    expect(audiences).toHaveLength(2);
    expect(new Set(audiences).size).toBe(1);
  });

  test("goes on with a token that still holds while no other can be had, and then fails as its source does", async () => {
    const { issuer, pipeline } = await SigningKit.create();
    let fails = false;
    const token = async (audience: string) => {
      if (fails) throw new Error("the API server is away");
      return issuer.token(audience);
    };
    const producer = createProducer({ pipeline, sign: { token, now: () => issuer.time.now() } });
    await producer.message({ body: "x" });
    fails = true;
    issuer.time.milliseconds += 3_500_000;
    await producer.message({ body: "x" });
    issuer.time.milliseconds += 200_000;
    await expect(producer.message({ body: "x" })).rejects.toThrow("the API server is away");
  });

  test.each<[string, (issuer: SigningKit["issuer"], audience: string) => Promise<string>, RegExp]>([
    ["for another audience", (issuer) => issuer.token("api://other"), /its one audience must be "stowage:/],
    [
      "that is good elsewhere too",
      (issuer, audience) => issuer.token("", { audience: [audience, "api://other"] }),
      /one audience/,
    ],
    ["that is over", (issuer, audience) => issuer.token(audience, { expiresIn: -1 }), /is over already/],
    ["that is none", async () => "secret-text", /is no JWT/],
  ])("puts no token into a queue %s", async (_what, source, words) => {
    const { issuer, pipeline } = await SigningKit.create();
    const sign = { token: (audience: string) => source(issuer, audience), now: () => issuer.time.now() };
    const failure = await createProducer({ pipeline, sign })
      .message({ body: "x" })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ProducerTokenUnfit", message: expect.stringMatching(words) });
    expect(String(failure)).not.toContain("secret-text");
  });

  test("schedules no message beyond the token that it is signed under, and signs no more than 64 properties", async () => {
    const kit = await SigningKit.create();
    const producer = kit.producer();
    const at = (seconds: number) => new Date(kit.issuer.time.now() + seconds * 1_000);
    await producer.message({ body: "x", scheduledEnqueueTimeUtc: at(3_000) });
    const late = producer.message({ body: "x", scheduledEnqueueTimeUtc: at(4_000) });
    await expect(late).rejects.toMatchObject({ code: "ScheduledBeyondToken" });
    const applicationProperties = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, i]));
    await expect(producer.message({ body: "x", applicationProperties })).rejects.toMatchObject({
      code: "TooManyProperties",
    });
  });
});
