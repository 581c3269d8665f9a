import fc from "fast-check";
import { message } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkMessage, checkValue } from "../../../stacks/local/broker/amqp/encoding.js";
import { startBus, takeOne } from "../broker/client.js";
import * as amqp from "./encode.js";
import { RawPeer } from "./rawPeer.js";

// One input each that would stop a broker which believes what it is told. Within seconds every one of them is answered
// or ends its connection, and another client is served.

const OPENED = Buffer.concat([amqp.PROTOCOL_SASL, amqp.saslInit, amqp.PROTOCOL_AMQP]);
const BEGIN = 0x11;
const LIMIT_MS = 5_000;

/** An array of four billion nothings, in ten bytes. */
const NOTHINGS = amqp.compound(0xf0, 5, 0xffff_ffff, Buffer.from([0x40]));
/** A list that promises thirty million values. */
const PROMISES = amqp.compound(0xd0, 4, 30_000_000, Buffer.alloc(0));
const DEEP = Buffer.concat([...Array.from({ length: 20_000 }, () => Buffer.from([0x00])), amqp.NULL]);
const SLASHES = `a${"/".repeat(30_000)}b`;

describe("a peer that", () => {
  const inputs: readonly (readonly [string, readonly Buffer[], "closed" | "answered"])[] = [
    ["promises values that are not there", [amqp.PREFACE, amqp.frame(amqp.described(0x12, PROMISES))], "closed"],
    ["sends four billion nothings", [amqp.PREFACE, amqp.frame(amqp.described(0x13, amqp.list(NOTHINGS)))], "closed"],
    ["nests twenty thousand deep", [amqp.PREFACE, amqp.frame(DEEP)], "closed"],
    ["names every delivery there could be", [amqp.PREFACE, ...dispositions()], "answered"],
    ["asks for a heartbeat each millisecond", [OPENED, openWith(4, amqp.uint(1)), amqp.begin()], "closed"],
    ["asks for no heartbeat that is a time", [OPENED, openWith(4, amqp.str("x")), amqp.begin()], "closed"],
    ["takes frames of one byte", [OPENED, openWith(2, amqp.uint(1)), amqp.begin(), ...asking("orders")], "answered"],
    ["attaches to thirty thousand slashes", [amqp.PREFACE, amqp.attach(0, "s", SLASHES, true)], "answered"],
    ["asks $cbs for thirty thousand slashes", [amqp.PREFACE, ...asking("$cbs")], "answered"],
    [
      "sends on a link that only receives",
      [amqp.PREFACE, amqp.attach(0, "out", "orders", true), ...transfers(1)],
      "closed",
    ],
    [
      "begins thousands of sessions",
      [OPENED, amqp.open(), ...Array.from({ length: 5_100 }, (_, i) => amqp.begin(i))],
      "closed",
    ],
    ["says 65 KiB are one frame", [amqp.PREFACE, Buffer.from([0, 1, 0, 1, 2, 0, 0, 0])], "closed"],
    ["starts over in the middle", [amqp.PREFACE, amqp.PROTOCOL_SASL], "closed"],
    [
      "goes on after a mechanism that is none",
      [amqp.PROTOCOL_SASL, badMechanism(), amqp.PROTOCOL_AMQP, Buffer.alloc(200_000)],
      "closed",
    ],
  ];
  it.each(inputs)("%s ends its own connection at most, and others are served", async (_, bytes, outcome) => {
    const { broker, client } = await startBus();
    broker.putQueue("orders");
    const port = Number(/:(\d+);/.exec(broker.connectionString())?.[1]);
    const peer = new RawPeer(port);
    onTestFinished(() => peer.destroy());
    peer.write(Buffer.concat(bytes));
    peer.write(amqp.attach(9, "the-last-link", "orders", false));
    const answered = () => peer.attached("the-last-link");
    expect(await peer.until(() => (outcome === "closed" ? peer.ended : answered()), LIMIT_MS)).toBe(true);
    expect(peer.ended).toBe(outcome === "closed");
    await client.createSender("orders").sendMessages({ body: "others" });
    expect((await takeOne(client.createReceiver("orders"))).body).toBe("others");
  });
});

function openWith(field: number, value: Buffer): Buffer {
  return amqp.open(...Array.from({ length: field - 2 }, () => amqp.NULL), value);
}

function badMechanism(): Buffer {
  return amqp.frame(amqp.described(0x41, amqp.list(amqp.sym("constructor"))), 0, 1);
}

function transfers(count: number): Buffer[] {
  const body = amqp.described(0x77, amqp.str("x"));
  return Array.from({ length: count }, (_, id) => amqp.transfer(0, id, body));
}

function dispositions(): Buffer[] {
  return [true, false].map((role) =>
    amqp.frame(amqp.described(0x15, amqp.list(amqp.bool(role), amqp.uint(0), amqp.uint(0xffff_ffff), amqp.bool(true)))),
  );
}

/** A request whose audience is absurd, and a link for its answer. */
function asking(address: string): Buffer[] {
  const request = Buffer.concat([
    amqp.described(0x73, amqp.list(amqp.str("1"), amqp.NULL, amqp.NULL, amqp.NULL, amqp.str("reply"))),
    amqp.described(0x74, amqp.map(amqp.str("operation"), amqp.str("put-token"), amqp.str("name"), amqp.str(SLASHES))),
    amqp.described(0x77, amqp.map(amqp.str("x"), amqp.str("y"))),
  ]);
  const target = address === "$cbs" ? "$cbs" : `${address}/$management`;
  return [
    amqp.attach(0, "in", target, false),
    amqp.attach(1, "out", target, true, "reply"),
    amqp.credit(1, 10),
    amqp.transfer(0, 0, request),
  ];
}

describe("input that brings about no answer", () => {
  it("is acknowledged at once with an empty frame, and a heartbeat is not", async () => {
    const { broker } = await startBus();
    broker.putQueue("orders");
    const peer = new RawPeer(Number(/:(\d+);/.exec(broker.connectionString())?.[1]));
    onTestFinished(() => peer.destroy());
    peer.write(amqp.PREFACE);
    expect(await peer.until(() => peer.count(BEGIN) === 1, LIMIT_MS)).toBe(true);
    expect(peer.empty).toBe(0);
    const flow = amqp.frame(amqp.described(0x13, amqp.list(amqp.uint(0), amqp.uint(10), amqp.uint(0), amqp.uint(10))));
    peer.write(flow);
    expect(await peer.until(() => peer.empty === 1, LIMIT_MS)).toBe(true);
    peer.write(amqp.frame(Buffer.alloc(0)));
    peer.write(amqp.attach(0, "later", "orders", false));
    expect(await peer.until(() => peer.attached("later"), LIMIT_MS)).toBe(true);
    expect(peer.empty).toBe(1);
  });
});

describe("an encoded value", () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double({ min: -1e15, max: 1e15, noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()))),
    fc.dictionary(fc.string({ minLength: 1 }), fc.oneof(fc.string(), fc.integer())),
  );

  it("as a client encodes it is well formed, and with a byte less it is not", () => {
    fc.assert(
      fc.property(value, fc.dictionary(fc.string({ minLength: 1 }), fc.string()), (body, properties) => {
        const encoded = message.encode({ body, application_properties: properties, message_id: "1" });
        expect(() => checkMessage(encoded)).not.toThrow();
        expect(() => checkMessage(encoded.subarray(0, encoded.length - 1))).toThrow();
      }),
      { numRuns: 300 },
    );
  });

  it("is refused where sizes and counts do not agree, whatever is in it", () => {
    for (const bad of [NOTHINGS, PROMISES, DEEP, amqp.compound(0xd1, 6, 1, Buffer.from([0x40, 0x40]))]) {
      expect(() => checkValue(bad, 0, bad.length)).toThrow("cannot be decoded");
    }
  });
});
