import { message as rheaMessage, types } from "rhea";
import { describe, expect, it } from "vitest";
import { AmqpContent, splitBatch } from "../../../stacks/local/broker/amqp/content.js";
import { encodeDelivered } from "../../../stacks/local/broker/amqp/delivered.js";
import { LockTokens } from "../../../stacks/local/broker/amqp/lockTokens.js";
import type { StoredMessage } from "../../../stacks/local/broker/core/message.js";
import { bench, codeOf } from "./helpers.js";

/** Stores an encoded message in a queue of its own. */
function stored(encoded: Buffer, timeToLive?: number): StoredMessage {
  const { namespace, queue } = bench();
  namespace.putQueue("q", timeToLive === undefined ? {} : { timeToLive });
  queue("q").send([new AmqpContent(encoded)]);
  const [message] = queue("q").peek(0, { messages: 1, bytes: 1e9 });
  if (message === undefined) {
    throw new Error("Nothing was stored.");
  }
  return message;
}

const PROPERTIES = {
  message_id: "m-1",
  to: "there",
  subject: "s",
  reply_to: "r",
  correlation_id: "c",
  content_type: "text/plain",
  group_id: "g",
  reply_to_group_id: "rg",
  creation_time: new Date(1_000),
};

const TYPED = {
  byte: types.wrap_byte(-3),
  ubyte: types.wrap_ubyte(200),
  short: types.wrap_short(-300),
  int: types.wrap_int(-70_000),
  uint: types.wrap_uint(70_000),
  long: types.wrap_long(Buffer.from("7fffffffffffffff", "hex")),
  ulong: types.wrap_ulong(Buffer.from("ffffffffffffffff", "hex")),
  float: types.wrap_float(1.5),
  double: types.wrap_double(2.25),
  time: types.wrap_timestamp(1_234_567),
  uuid: types.wrap_uuid(Buffer.alloc(16, 7)),
  symbol: types.wrap_symbol("sym"),
  text: "text",
  yes: true,
  nothing: null,
};

const BODIES: readonly [string, unknown][] = [
  ["data", rheaMessage.data_section(Buffer.from("body"))],
  ["several data sections", rheaMessage.data_sections([Buffer.from("one"), Buffer.from("two")])],
  ["a sequence", rheaMessage.sequence_section([1, "two", { three: 3 }])],
  ["several sequences", rheaMessage.sequence_sections([[1], [2, 3]])],
  ["a value", { a: [1, 2, { b: types.wrap_long(5) }], c: "d" }],
  ["a null value", null],
];

/** The bytes from the first properties section on. */
function bare(encoded: Buffer): Buffer {
  return encoded.subarray(encoded.indexOf(Buffer.from([0x00, 0x53, 0x73])));
}

describe("a message", () => {
  it.each(BODIES)("with %s leaves with the very bytes that came", (_, body) => {
    const encoded = rheaMessage.encode({
      ...PROPERTIES,
      application_properties: TYPED,
      footer: { f: 1 },
      body,
      durable: true,
      priority: 7,
      ttl: 5_000,
      message_annotations: { "x-opt-partition-key": "g", mine: types.wrap_short(4) },
      delivery_annotations: { hop: 1 },
    });
    const delivered = encodeDelivered(stored(encoded), 2_000_000);
    expect(bare(delivered).equals(bare(encoded))).toBe(true);
    const seen = rheaMessage.decode(delivered);
    expect(seen).toMatchObject({ durable: true, priority: 7, ttl: 5_000, message_id: "m-1", group_id: "g" });
    expect(seen["message_annotations"]).toEqual({
      "x-opt-sequence-number": 1,
      "x-opt-enqueue-sequence-number": 1,
      "x-opt-enqueued-time": new Date(1_000_000),
      "x-opt-locked-until": new Date(2_000_000),
      "x-opt-partition-key": "g",
      mine: 4,
    });
    expect(seen["delivery_annotations"]).toBeUndefined();
  });

  it("is told the time to live that counts: the entity's, where that is shorter", () => {
    const encoded = rheaMessage.encode({ ...PROPERTIES, ttl: 9_000, body: null });
    expect(rheaMessage.decode(encodeDelivered(stored(encoded, 3), undefined))["ttl"]).toBe(3_000);
  });

  it("without annotations, header or properties is complete after it was stored", () => {
    const encoded = Buffer.from([0x00, 0x53, 0x75, 0xa0, 1, 65]);
    const message = stored(encoded);
    const seen = rheaMessage.decode(encodeDelivered(message, undefined));
    expect(seen["message_id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(seen["message_id"]).toBe(message.content.messageId);
    expect(seen["body"].content.toString()).toBe("A");
  });

  it("with properties but no id is given one, and keeps the rest", () => {
    const encoded = rheaMessage.encode({
      ...PROPERTIES,
      message_id: undefined,
      application_properties: TYPED,
      body: 1,
    });
    const message = stored(encoded);
    const seen = rheaMessage.decode(encodeDelivered(message, undefined));
    expect(seen).toMatchObject({ subject: "s", group_id: "g", correlation_id: "c", body: 1 });
    expect(seen["message_id"]).toBe(message.content.messageId);
    expect(seen["application_properties"]["int"]).toBe(-70_000);
  });

  it.each([
    ["a number", types.wrap_ulong(77), "77"],
    [
      "a UUID",
      types.wrap_uuid(Buffer.from("00112233445566778899aabbccddeeff", "hex")),
      "00112233-4455-6677-8899-aabbccddeeff",
    ],
  ])("may have %s for an id", (_, id, text) => {
    expect(new AmqpContent(rheaMessage.encode({ message_id: id, body: null })).messageId).toBe(text);
  });

  it("sent again after it was received does not carry its old annotations", () => {
    const first = encodeDelivered(stored(rheaMessage.encode({ ...PROPERTIES, body: 1 })), 5_000);
    const again = rheaMessage.decode(encodeDelivered(stored(first), undefined));
    expect(Object.keys(again["message_annotations"])).toEqual([
      "x-opt-sequence-number",
      "x-opt-enqueued-time",
      "x-opt-enqueue-sequence-number",
    ]);
  });

  it("is scheduled by its annotation", () => {
    const encoded = rheaMessage.encode({
      body: 1,
      message_annotations: { "x-opt-scheduled-enqueue-time": new Date(1_234_567_890_123) },
    });
    expect(new AmqpContent(encoded).scheduledAt).toBe(1_234_567_890_123);
  });

  it.each([{ application_properties: TYPED }, {}])(
    "takes the properties that a settlement sets, and keeps the types of the others",
    (more) => {
      const message = stored(rheaMessage.encode({ ...PROPERTIES, ...more, body: "b" }));
      message.changes = new Map<string, unknown>([
        ["int", "now text"],
        ["DeadLetterReason", "why"],
        ["count", types.wrap_short(9)],
      ]);
      const seen = rheaMessage.decode(encodeDelivered(message, undefined));
      const before =
        more.application_properties === undefined
          ? {}
          : rheaMessage.decode(rheaMessage.encode({ ...more, body: 1 }))["application_properties"];
      expect(seen["application_properties"]).toEqual({ ...before, int: "now text", DeadLetterReason: "why", count: 9 });
      expect(seen["body"]).toBe("b");
      expect(seen["subject"]).toBe("s");
    },
  );

  it("shows filters what it holds", () => {
    const facts = new AmqpContent(
      rheaMessage.encode({ ...PROPERTIES, application_properties: { region: "north", size: 3 }, body: 1 }),
    ).facts();
    expect(facts).toMatchObject({
      messageId: "m-1",
      correlationId: "c",
      to: "there",
      replyTo: "r",
      subject: "s",
      sessionId: "g",
      replyToSessionId: "rg",
      contentType: "text/plain",
    });
    expect([...facts.properties]).toEqual([
      ["region", "north"],
      ["size", 3n],
    ]);
  });
});

describe("a batch", () => {
  it("is split into the messages it holds", () => {
    const inner = ["a", "b".repeat(300)].map((id) => rheaMessage.encode({ message_id: id, body: id }));
    const batch = rheaMessage.encode({ body: rheaMessage.data_sections(inner), message_annotations: { x: 1 } });
    const contents = splitBatch(batch);
    expect(contents.map((content) => content.messageId)).toEqual(["a", "b".repeat(300)]);
    expect(contents.map((content) => content.size)).toEqual(inner.map((encoded) => encoded.length));
  });
});

describe("bytes that are no message", () => {
  const whole = rheaMessage.encode({ ...PROPERTIES, application_properties: TYPED, body: "b", durable: true });

  it("are refused as undecodable wherever they end", () => {
    const outcomes = new Set<string>();
    for (let length = 0; length < whole.length; length++) {
      outcomes.add(codeOf(() => new AmqpContent(whole.subarray(0, length))));
    }
    // Cut between two sections it is a shorter message: of these, some have no body.
    expect(outcomes).toEqual(new Set(["Undecodable", "nothing was thrown"]));
  });

  it("never do anything else, whatever one byte becomes", () => {
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0x00, 0x45, 0x80, 0xc0, 0xd0, 0xff]) {
        const broken = Buffer.from(whole);
        broken[at] = value;
        expect(["Undecodable", "nothing was thrown"]).toContain(codeOf(() => new AmqpContent(broken)));
      }
    }
  });

  it.each([
    ["sections out of order", "005375a00041", "005370c00100"],
    ["an unknown section", "", "005379a000"],
    ["no section", "", "a00141"],
    ["a descriptor that nests without end", "", "00".repeat(64)],
  ])("%s", (_, first, second) => {
    expect(codeOf(() => new AmqpContent(Buffer.from(first + second, "hex")))).toBe("Undecodable");
  });
});

describe("lock tokens", () => {
  it("carry the lock's number in both byte orders, and only their own broker's", () => {
    const tokens = new LockTokens();
    const uuid = tokens.uuid(2 ** 40 + 5);
    const tag = tokens.tag(2 ** 40 + 5);
    expect(tokens.lockId(uuid)).toBe(2 ** 40 + 5);
    const swapped = Buffer.from([3, 2, 1, 0, 5, 4, 7, 6].map((from) => uuid[from] ?? 0));
    expect(tag.subarray(0, 8).equals(swapped)).toBe(true);
    expect(tag.subarray(8).equals(uuid.subarray(8))).toBe(true);
    expect(new LockTokens().lockId(uuid)).toBeUndefined();
    expect(tokens.lockId("text")).toBeUndefined();
    expect(tokens.lockId(Buffer.alloc(15))).toBeUndefined();
  });
});
