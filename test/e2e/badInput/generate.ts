import fc from "fast-check";
import { type Message, message as rheaMessage, types } from "rhea";

/** A message that no sink can take, and how it is sent. */
export interface BadMessage {
  /** Its place in the run; it carries it as the property `n`. */
  number: number;
  /** What is wrong with it, for who reads a failure. */
  what: string;
  /** Undefined for one without an id. */
  messageId: string | undefined;
  /** The bytes of its body, or an AMQP body that the official client does not send. */
  body: { bytes: Buffer } | { amqp: unknown };
  properties: { [name: string]: unknown };
  replyTo?: string;
}

/** What is particular to a sink: bodies that are JSON objects and wrong for it. */
export interface Particular {
  wrong: fc.Arbitrary<unknown>;
  /** A body that it takes; a message with it is made bad by other means. */
  good(number: number): Buffer;
}

const SHARES = { bytes: 3, text: 3, deep: 1, huge: 1, wrong: 6, amqp: 3, reply: 1, noId: 1 } as const;
/** Below the broker's limit of 256 KiB with room for properties. */
const HUGE_BYTES = 200_000;
const DEEPEST = 60_000;

const HOSTILE_NAMES = [
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "then", "toJSON", "length"],
  ...[
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "$where",
    "a\u0000b",
    "\u202egnp",
    "\ud83d\ude00",
    "n\nm",
    "x".repeat(1_000),
  ],
  ...[
    "traceparent",
    "Diagnostic-Id",
    "stowage-original-id ",
    "stowage-returns",
    "stowage-attempts",
    "DeadLetterReason",
  ],
];

/** Values as the official client and others send them in properties. */
const propertyValue = fc.oneof(
  fc.string({ maxLength: 50, unit: "binary" }),
  // As a client sends them: left to itself rhea takes whole numbers for unsigned ones, however large.
  fc.double().map((value) => types.wrap_double(value)),
  fc.integer().map((value) => types.wrap_int(value)),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("00-zz-zz-zz", "9".repeat(400), "\u0000", "%s%s%n", "{{7*7}}", "'; DROP TABLE x; --"),
);

/** Properties with names that have a meaning of their own somewhere. A null prototype: a name may be `__proto__`. */
export const hostileProperties: fc.Arbitrary<{ [name: string]: unknown }> = fc
  .array(fc.tuple(fc.constantFrom(...HOSTILE_NAMES), propertyValue), { maxLength: 6 })
  .map((entries) => {
    const properties: { [name: string]: unknown } = Object.create(null);
    for (const [name, value] of entries) properties[name] = value;
    return properties;
  });

const notUtf8 = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.concat([Buffer.from([0xff]), bytes]));

/** JSON that is none: cut off, in another encoding, with what only looks like it. */
function notJson(good: Buffer): fc.Arbitrary<Buffer> {
  const text = good.toString("utf8");
  return fc.oneof(
    fc.integer({ min: 1, max: text.length - 1 }).map((end) => Buffer.from(text.slice(0, end))),
    fc.constantFrom(
      Buffer.alloc(0),
      Buffer.from(text, "utf16le"),
      Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(text, "utf16le").swap16()]),
      Buffer.from(text.replace("{", '{"é":1,'), "latin1"),
      Buffer.from(text.replaceAll('"', "'")),
      Buffer.from(`${text}${text}`),
      Buffer.from(`${text}\u0000`),
      Buffer.from(`/* */${text}`),
      Buffer.from("NaN"),
      Buffer.from("{,}"),
      Buffer.from("<render/>"),
      Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
    ),
    fc.string({ minLength: 1, maxLength: 100, unit: "binary" }).map((noise) => Buffer.from(`not ${noise}`)),
  );
}

const deep = fc
  .tuple(fc.integer({ min: 100, max: DEEPEST }), fc.boolean(), fc.boolean())
  .map(([depth, closed, lists]) => {
    const [open, close] = lists ? ["[", "]"] : ['{"a":', "}"];
    const size = Math.min(depth, Math.floor(HUGE_BYTES / (open.length + close.length)));
    return Buffer.from(`${open.repeat(size)}${lists ? "" : "1"}${closed ? close.repeat(size) : ""}`);
  });

const huge = fc.constantFrom(
  Buffer.from(JSON.stringify("x".repeat(HUGE_BYTES))),
  Buffer.from(JSON.stringify(Array.from({ length: HUGE_BYTES / 5 }, (_, i) => i % 1_000))),
  Buffer.from(`{"${"k".repeat(HUGE_BYTES)}":1}`),
  Buffer.from(`{"a":${"9".repeat(HUGE_BYTES)}}`),
  Buffer.from(`{${Array.from({ length: HUGE_BYTES / 20 }, (_, i) => `"k${i}":{}`).join(",")}}`),
  Buffer.alloc(HUGE_BYTES, 0xff),
);

/** JSON that is no object, or one that means something to those who merge it. */
const otherJson = fc.constantFrom(
  ...["null", "true", "0", "-0", "1e999", '""', '"\\ud800"', "[]", "[{}]", "{}"],
  ...[
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"toString":null}',
    '{"a":1,"a":2}',
  ],
);

/** Bodies that only other clients send: values and sequences. */
const amqpBody: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  null,
  true,
  "text",
  types.wrap_ulong(2 ** 53),
  types.wrap_long(-1),
  types.wrap_double(Number.NaN),
  types.wrap_symbol("symbol"),
  types.wrap_timestamp(8_640_000_000_000_001),
  types.wrap_uuid(Buffer.alloc(16, 7)),
  types.wrap_described(["a"], "of:nobody"),
  types.wrap_map({ __proto__: "x", constructor: 1 }),
  types.wrap_list([1, "two", null, [3]]),
  types.wrap_array([1, 2, 3], 0x71, undefined),
  rheaMessage.sequence_section([1, 2]),
  rheaMessage.sequence_sections([[1], ["two"]]),
  rheaMessage.data_sections([Buffer.from("{"), Buffer.from([0xff])]),
);

/** A bad message of any kind, without its place in the run. */
function badMessage({ wrong, good }: Particular): fc.Arbitrary<Omit<BadMessage, "number">> {
  const taken = good(0);
  const of = (what: string, bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Omit<BadMessage, "number">> =>
    fc
      .tuple(bytes, hostileProperties)
      .map(([body, properties]) => ({ what, messageId: "given", body: { bytes: body }, properties }));
  return fc.oneof(
    { weight: SHARES.bytes, arbitrary: of("bytes that are no text", notUtf8) },
    { weight: SHARES.text, arbitrary: of("text that is no JSON", notJson(taken)) },
    { weight: SHARES.deep, arbitrary: of("deeply nested", deep) },
    { weight: SHARES.huge, arbitrary: of("huge", huge) },
    {
      weight: SHARES.wrong,
      arbitrary: of(
        "JSON of another shape",
        otherJson.map((text) => Buffer.from(text)),
      ),
    },
    {
      weight: SHARES.wrong,
      arbitrary: of(
        "wrong types",
        wrong.map((body) => Buffer.from(JSON.stringify(body))),
      ),
    },
    {
      weight: SHARES.amqp,
      arbitrary: fc
        .tuple(amqpBody, hostileProperties)
        .map(([amqp, properties]) => ({ what: "AMQP value", messageId: "given", body: { amqp }, properties })),
    },
    {
      weight: SHARES.reply,
      arbitrary: of("a reply to elsewhere", fc.constant(taken)).map((bad) => ({ ...bad, replyTo: "elsewhere" })),
    },
    {
      weight: SHARES.noId,
      arbitrary: of("no id", fc.constant(taken)).map((bad) => ({ ...bad, messageId: undefined })),
    },
  );
}

/** So many bad messages; the same for the same seed. */
export function badMessages(particular: Particular, count: number, seed: number): BadMessage[] {
  return fc.sample(badMessage(particular), { numRuns: count, seed }).map((bad, number) => ({
    ...bad,
    number,
    messageId: bad.messageId === undefined ? undefined : `bad-${number}`,
    properties: Object.assign(Object.create(null), bad.properties, { n: types.wrap_int(number) }),
  }));
}

/** The message as `rhea` sends it. */
export function asAmqp({ messageId, body, properties, replyTo }: BadMessage): Message {
  return {
    // The broker gives an id to a message that has none at all, as the service does; an empty one it leaves.
    message_id: messageId ?? "",
    application_properties: properties,
    body: "amqp" in body ? body.amqp : rheaMessage.data_section(body.bytes),
    ...(replyTo === undefined ? {} : { reply_to: replyTo }),
  };
}
