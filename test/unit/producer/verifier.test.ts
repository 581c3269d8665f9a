import fc from "fast-check";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import {
  PRODUCER_SIGNATURE_PROPERTY,
  PRODUCER_TOKEN_PROPERTY,
  type SinkMessage,
  sha256,
} from "../../../runtime/contract/index.js";
import type { PropertyValue } from "../../../runtime/producer/index.js";
import { COPY_SECONDS } from "../../../runtime/producer/verification/index.js";
import { ISSUER, SUBJECT, type TokenChange } from "./issuer.js";
import { asCopy, readOf, receivedOf, SigningKit } from "./kit.js";

const FULL = {
  body: { order: 17 },
  messageId: "order-17",
  subject: "orders",
  correlationId: "c-1",
  replyTo: "answers",
  replyToSessionId: "r-1",
  contentType: "application/json",
  partitionKey: "shop-1",
  applicationProperties: { amount: 12.5, currency: "EUR", paid: true, due: new Date(1_700_000_000_000), note: null },
};

let kit: SigningKit;
beforeEach(async () => {
  kit = await SigningKit.create();
});

const poisonOf = async (message: SinkMessage): Promise<string> => {
  const outcome = await kit.verifier.verify(message);
  expect(outcome).toMatchObject({ kind: "poison", reason: "UnverifiedProducer" });
  return outcome?.kind === "poison" ? outcome.description : "";
};

describe("a signed message", () => {
  test("is taken, says who signed it, and shows the sink what was signed and neither token nor signature", async () => {
    const message = await kit.received(FULL);
    Object.assign(message.properties, { added: "by somebody else", traceparent: "00-…" });
    expect(await kit.verifier.verify(message)).toBeUndefined();
    expect(message.producer).toBe(`${ISSUER} ${SUBJECT}`);
    expect({ ...message.properties }).toEqual({ ...FULL.applicationProperties, traceparent: "00-…" });
  });

  test("is taken again by the next attempt, and by the next delivery", async () => {
    const message = await kit.received(FULL);
    const again = withProperties({ ...message, deliveryCount: 2 }, {});
    for (const each of [message, message, again]) expect(await kit.verifier.verify(each)).toBeUndefined();
  });

  test("is taken as the bus gives it, and what the bus holds of it stays whole for copies", async () => {
    const sent = await kit.producer().message(FULL);
    const { received, message } = readOf(sent, kit.issuer.time.now());
    expect(await kit.verifier.verify(message)).toBeUndefined();
    expect(message.producer).toBe(`${ISSUER} ${SUBJECT}`);
    expect({ ...message.properties }).toEqual(FULL.applicationProperties);
    expect(received.applicationProperties).toHaveProperty(PRODUCER_TOKEN_PROPERTY);
    const other = readOf({ ...sent, messageId: "order-18" }, kit.issuer.time.now());
    expect(await poisonOf(other.message)).toMatch(/does not hold/);
  });

  test("is tried again, and no poison, where the check itself fails by what nobody foresaw", async () => {
    const message = await kit.received(FULL);
    const broken = Object.defineProperty({ ...message }, "bodySha256", {
      get: () => {
        throw new TypeError("a bug");
      },
    });
    expect(await kit.verifier.verify(broken)).toEqual({
      kind: "retry",
      code: "NotReady",
      description: "The producer's signature was not checked: TypeError: a bug",
    });
  });

  test("is bound to a key of the producer's process by a token that is good for nothing else", async () => {
    const { properties } = await kit.received(FULL);
    const { aud } = decodeJwt(String(properties[PRODUCER_TOKEN_PROPERTY]));
    const header = decodeProtectedHeader(String(properties[PRODUCER_SIGNATURE_PROPERTY]));
    expect(aud).toEqual([expect.stringMatching(/^stowage:[\w-]{43}$/)]);
    expect(header).toMatchObject({ alg: "ES256", b64: false, crit: ["b64"], jwk: { kty: "EC", crv: "P-256" } });
    expect(header.jwk).not.toHaveProperty("d");
    const other = await kit.received(FULL, kit.producer());
    expect(decodeJwt(String(other.properties[PRODUCER_TOKEN_PROPERTY])).aud).not.toEqual(aud);
  });

  test("asks the issuer for its configuration and its keys once, however many messages come", async () => {
    const producer = kit.producer();
    for (let i = 0; i < 5; i++) {
      const message = await kit.received({ body: { i } }, producer);
      expect(await kit.verifier.verify(message)).toBeUndefined();
    }
    expect(kit.issuer.asked).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
  });

  const changes: [string, (message: SinkMessage) => SinkMessage][] = [
    ["another body", (m) => ({ ...m, body: Buffer.from("{}"), bodySha256: sha256("{}") })],
    ["another id", (m) => ({ ...m, messageId: "order-18" })],
    ["another partition key", (m) => ({ ...m, partitionKey: "shop-2" })],
    ["no partition key", ({ partitionKey: _, ...m }) => m],
    ["a session", (m) => ({ ...m, sessionId: "s-1" })],
    ["another content type", (m) => ({ ...m, contentType: "text/plain" })],
    ["another subject", (m) => ({ ...m, subject: "refunds" })],
    ["another correlation id", (m) => ({ ...m, correlationId: "c-2" })],
    ["another address for replies", (m) => ({ ...m, replyTo: "elsewhere" })],
    ["another session for replies", (m) => ({ ...m, replyToSessionId: "r-2" })],
    ["a property less", (m) => withProperties(m, { amount: undefined })],
    ["a property of another value", (m) => withProperties(m, { currency: "USD" })],
    ["a property of another type", (m) => withProperties(m, { amount: "12.5" })],
    ["no token", (m) => withProperties(m, { [PRODUCER_TOKEN_PROPERTY]: undefined })],
    ["no signature", (m) => withProperties(m, { [PRODUCER_SIGNATURE_PROPERTY]: undefined })],
    ["a token that is no text", (m) => withProperties(m, { [PRODUCER_TOKEN_PROPERTY]: 5 })],
    ["a token of great length", (m) => withProperties(m, { [PRODUCER_TOKEN_PROPERTY]: "x".repeat(8_193) })],
    ["a signature of great length", (m) => withProperties(m, { [PRODUCER_SIGNATURE_PROPERTY]: "x".repeat(4_097) })],
  ];
  test.each(changes)("is poison with %s", async (_what, change) => {
    const message = await kit.received(FULL);
    await poisonOf(change(message));
    expect(message.producer).toBeUndefined();
  });

  test("is poison in another entity", async () => {
    const message = await kit.received(FULL);
    const other = await SigningKit.create((p) => {
      p.source.queue = "refunds";
    });
    expect(await SigningKit.verifierOf(other.pipeline, kit.issuer).verify(message)).toMatchObject({ kind: "poison" });
  });

  test("of a topic is signed for the topic, whichever subscription reads it", async () => {
    const { pipeline } = await SigningKit.create((p) => {
      p.source = { ...p.source, topic: "events", subscription: "audit" };
      delete p.source.queue;
    });
    const own = await SigningKit.create((p) => Object.assign(p, { source: pipeline.source }));
    const message = await own.received(FULL);
    expect(await own.verifier.verify({ ...message, entity: "events/subscriptions/audit" })).toBeUndefined();
  });

  test("is poison where the signature or the token is another message's or another producer's", async () => {
    const [one, two] = [await kit.received(FULL), await kit.received({ ...FULL, messageId: "order-18" })];
    for (const name of [PRODUCER_TOKEN_PROPERTY, PRODUCER_SIGNATURE_PROPERTY])
      await poisonOf(withProperties(one, { [name]: two.properties[name] }));
  });

  const tokens: [string, TokenChange, RegExp][] = [
    ["of another issuer", { issuer: "https://elsewhere.invalid" }, /issuer "https:\/\/elsewhere\.invalid"/],
    [
      "of a subject that may not publish",
      { subject: "system:serviceaccount:shop:other" },
      /shop:other.*may not publish/,
    ],
  ];
  test.each(tokens)("is poison under a token %s", async (_what, change, words) => {
    expect(await poisonOf(await kit.received(FULL, kit.producer(change)))).toMatch(words);
    expect(kit.issuer.asked).toEqual([]);
  });

  test("is poison under a token that the issuer never signed", async () => {
    const stranger = await SigningKit.create();
    expect(await poisonOf(await stranger.received(FULL))).toMatch(/signed by a key that its issuer does not have/);
  });

  test("never shows its token or its signature in what is said about it", async () => {
    const message = await kit.received(FULL);
    const { [PRODUCER_TOKEN_PROPERTY]: token, [PRODUCER_SIGNATURE_PROPERTY]: signature } = message.properties;
    for (const [, change] of changes) {
      const said = await poisonOf(change({ ...message, properties: { ...message.properties } }));
      for (const part of [...String(token).split("."), ...String(signature).split(".")])
        if (part.length > 20) expect(said).not.toContain(part);
    }
  });
});

describe("time", () => {
  test.each([
    ["was taken before its token ended, and is looked at a month later", 3_599, true],
    ["was taken within a minute of the token's end, by clocks that differ", 3_650, true],
    ["was taken after its token ended", 3_700, false],
  ])("of a message that %s", async (_what, seconds, good) => {
    const { time } = kit.issuer;
    const sent = await kit.producer().message(FULL);
    const message = receivedOf(sent, time.now() + seconds * 1_000);
    time.milliseconds += 30 * 86_400_000;
    const outcome = await kit.verifier.verify(message);
    if (good) expect(outcome).toBeUndefined();
    else expect(outcome).toMatchObject({ kind: "poison", description: expect.stringMatching(/token ended at/) });
  });

  test("of a copy: it may come for fourteen days after the end of its token, with its first id signed", async () => {
    const { time } = kit.issuer;
    const message = await kit.received(FULL);
    const end = time.now() + 3_600_000;
    const late = asCopy(message, end + COPY_SECONDS * 1_000);
    expect(await kit.verifier.verify(late)).toBeUndefined();
    expect(await poisonOf(asCopy(message, end + (COPY_SECONDS + 61) * 1_000))).toMatch(/this copy/);
    expect(await poisonOf({ ...asCopy(message, end), messageId: "order-18" })).toMatch(/does not hold/);
  });

  test("of a signature that was made before its token held, or after the entity took it", async () => {
    const { time } = kit.issuer;
    const early = kit.producer({ notBefore: Math.floor(time.now() / 1_000) + 120 });
    expect(await poisonOf(await kit.received(FULL, early))).toMatch(/when its token did not hold/);
    const sent = await kit.producer().message(FULL);
    expect(await poisonOf(receivedOf(sent, time.now() - 120_000))).toMatch(/after the entity took it/);
  });
});

describe("any message", () => {
  const text = fc.string({ minLength: 1, maxLength: 20, unit: "binary" }).filter((t) => !/\p{Surrogate}/u.test(t));
  const value: fc.Arbitrary<PropertyValue> = fc.oneof(
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constant(null),
  );
  const properties = fc.dictionary(
    text.filter((name) => !name.startsWith("stowage-")),
    value,
    { maxKeys: 5 },
  );
  const draft = fc.record(
    {
      body: fc.oneof(text, fc.uint8Array({ maxLength: 50 })),
      messageId: text,
      subject: text,
      applicationProperties: properties,
    },
    { requiredKeys: ["body", "messageId"] },
  );

  test("that a producer signs is taken, and with any one of its signed parts changed it is not", async () => {
    await fc.assert(
      fc.asyncProperty(draft, fc.nat(), async (given, pick) => {
        const message = await kit.received(given);
        const names = Object.keys(given.applicationProperties ?? {});
        const flip = (bytes: Buffer): Buffer => {
          const changed = Buffer.from(bytes);
          if (changed.length === 0) return Buffer.from([0]);
          changed.writeUInt8(
            (changed.readUInt8(pick % changed.length) ^ (1 << (pick % 8))) & 255,
            pick % changed.length,
          );
          return changed;
        };
        const changed = [
          { ...message, bodySha256: sha256(flip(message.body)) },
          { ...message, messageId: `${message.messageId}x` },
          { ...message, subject: `${message.subject ?? ""}x` },
          ...names.map((name) => withProperties(message, { [name]: `${String(message.properties[name])}x` })),
          ...names.map((name) => withProperties(message, { [name]: undefined })),
        ];
        for (const each of changed)
          expect(await kit.verifier.verify(each)).toMatchObject({ kind: "poison", reason: "UnverifiedProducer" });
        expect(await kit.verifier.verify(message)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test("whose token or signature is changed in one character is poison, or says the same", async () => {
    const message = await kit.received(FULL);
    const name = fc.constantFrom(PRODUCER_TOKEN_PROPERTY, PRODUCER_SIGNATURE_PROPERTY);
    await fc.assert(
      fc.asyncProperty(name, fc.nat(), fc.constantFrom(..."AbZ09-_.= {"), async (property, pick, character) => {
        const was = String(message.properties[property]);
        const at = pick % was.length;
        const changed = was.slice(0, at) + character + was.slice(at + 1);
        const outcome = await kit.verifier.verify(withProperties(message, { [property]: changed }));
        if (sameBytes(was, changed)) return;
        expect(outcome).toMatchObject({ kind: "poison", reason: "UnverifiedProducer" });
      }),
      { numRuns: 200 },
    );
  });

  test("with hostile properties of the two names is poison, and no request is made for it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (token, signature) => {
        const properties = { [PRODUCER_TOKEN_PROPERTY]: token, [PRODUCER_SIGNATURE_PROPERTY]: signature };
        const message = receivedOf({ body: Buffer.from("x"), messageId: "m", applicationProperties: properties }, 0);
        await poisonOf(message);
      }),
      { numRuns: 200 },
    );
    expect(kit.issuer.asked).toEqual([]);
  });
});

/** Base64url leaves bits to spare in the last character of a part: texts that differ there mean the same bytes. */
function sameBytes(a: string, b: string): boolean {
  const bytes = (text: string) =>
    text.split(".").map((part) => (/^[\w-]*$/.test(part) ? Buffer.from(part, "base64url").toString("hex") : part));
  return JSON.stringify(bytes(a)) === JSON.stringify(bytes(b));
}

function withProperties(message: SinkMessage, change: { [name: string]: PropertyValue | undefined }): SinkMessage {
  const properties: SinkMessage["properties"] = Object.create(null);
  for (const [name, value] of Object.entries({ ...message.properties, ...change }))
    if (value !== undefined) properties[name] = value;
  return { ...message, properties };
}
