import * as amqp from "./encode.js";
import type { Seeded } from "./seeded.js";

// Malformed input of every kind that the protocol makes possible, by seed.

const CODES = [
  ...[0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x60, 0x61, 0x70, 0x71, 0x72],
  ...[0x73, 0x74, 0x80, 0x81, 0x82, 0x83, 0x84, 0x94, 0x98, 0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0],
  ...[0xd1, 0xe0, 0xf0, 0x00, 0x10, 0x57, 0x99, 0xff],
];
const BIG = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/** A value that is right, in a type that nobody asked for. */
function anyValue(seeded: Seeded, depth = 0): Buffer {
  switch (seeded.below(depth > 3 ? 8 : 12)) {
    case 0:
      return amqp.NULL;
    case 1:
      return amqp.uint(seeded.pick(BIG));
    case 2:
      return amqp.bool(seeded.oneIn(2));
    case 3:
      return amqp.str(seeded.pick(["", "fuzz", "none", "__proto__", "/".repeat(300), "\u{1f980}".repeat(40)]));
    case 4:
      return amqp.bin(seeded.bytes(seeded.below(20)));
    case 5:
      return amqp.sym(seeded.pick(["", "com.microsoft:timeout", "constructor"]));
    case 6:
      return Buffer.concat([Buffer.from([seeded.pick([0x80, 0x81, 0x82, 0x83])]), seeded.bytes(8)]);
    case 7:
      return Buffer.concat([Buffer.from([0x98]), seeded.bytes(16)]);
    case 8:
      return amqp.list(...many(seeded, depth));
    case 9:
      return amqp.map(...many(seeded, depth));
    case 10:
      return amqp.described(seeded.below(0x80), anyValue(seeded, depth + 1));
    default:
      return amqp.compound(0xf0, 5, 0, Buffer.from([0x40]));
  }
}

function many(seeded: Seeded, depth: number): Buffer[] {
  return Array.from({ length: seeded.below(6) }, () => anyValue(seeded, depth + 1));
}

/** A value that is not what it says: a wrong size or count, an unknown type, too little, or too deep. */
function brokenValue(seeded: Seeded): Buffer {
  switch (seeded.below(7)) {
    case 0:
      return amqp.compound(
        seeded.pick([0xd0, 0xd1]),
        seeded.pick(BIG),
        seeded.pick(BIG),
        seeded.bytes(seeded.below(30)),
      );
    case 1:
      // An array of as many nothings as can be said.
      return amqp.compound(
        0xf0,
        5,
        seeded.pick(BIG),
        Buffer.from([seeded.pick([0x40, 0x41, 0x43, 0x45, 0x70, 0xb0, 0xd0])]),
      );
    case 2: {
      const depth = 1 + seeded.below(400);
      const level = seeded.pick([Buffer.from([0x00]), Buffer.from([0xc0, 0xff, 1]), Buffer.from([0xe0, 0xff, 1])]);
      return Buffer.concat(Array.from({ length: depth }, () => level));
    }
    case 3:
      return Buffer.concat([
        Buffer.from([seeded.pick([0xb0, 0xb1, 0xb3])]),
        uint32(seeded.pick(BIG)),
        seeded.bytes(seeded.below(9)),
      ]);
    case 4:
      return Buffer.concat([Buffer.from([seeded.pick(CODES)]), seeded.bytes(seeded.below(12))]);
    case 5: {
      const whole = anyValue(seeded);
      return whole.subarray(0, seeded.below(whole.length));
    }
    default: {
      const whole = Buffer.from(anyValue(seeded));
      whole[seeded.below(whole.length)] = seeded.below(256);
      return whole;
    }
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const oddValue = (seeded: Seeded) => (seeded.oneIn(2) ? anyValue(seeded) : brokenValue(seeded));

/** A message that no receiver could read, or only just: sections missing, twice, in the wrong order, or broken. */
export function malformedMessage(seeded: Seeded, real: readonly Buffer[]): Buffer {
  switch (seeded.below(5)) {
    case 0:
      return seeded.bytes(seeded.below(60));
    case 1:
      return mutated(seeded, seeded.pick(real));
    case 2: {
      const whole = seeded.pick(real);
      return whole.subarray(0, seeded.below(whole.length));
    }
    case 3:
      return Buffer.concat(
        Array.from({ length: 1 + seeded.below(6) }, () => amqp.described(0x6e + seeded.below(12), oddValue(seeded))),
      );
    default:
      return Buffer.concat([
        amqp.described(0x73, amqp.list(...many(seeded, 0))),
        amqp.described(0x74, oddValue(seeded)),
        amqp.described(0x77, brokenValue(seeded)),
      ]);
  }
}

const OPERATIONS = [
  ...["renew-lock", "peek-message", "receive-by-sequence-number", "update-disposition", "schedule-message"],
  ...["cancel-scheduled-message", "renew-session-lock", "get-session-state", "set-session-state", "add-rule"],
  ...["remove-rule", "enumerate-rules", "get-message-sessions", "batch-delete-messages", "no-such-operation"],
];
const FIELDS = [
  ...["lock-tokens", "from-sequence-number", "message-count", "session-id", "sequence-numbers", "receiver-settle-mode"],
  ...["disposition-status", "messages", "session-state", "properties-to-modify", "rule-name", "rule-description"],
  ...["top", "skip", "last-updated-time", "enqueued-time-utc", "include-soft-deleted"],
];

/** A request to `$management` or `$cbs` whose fields are missing, of the wrong type, absurd, or no AMQP. */
export function malformedRequest(seeded: Seeded, real: readonly Buffer[]): Buffer {
  if (seeded.oneIn(4)) return malformedMessage(seeded, real);
  const name = seeded.oneIn(8) ? "put-token" : `com.microsoft:${seeded.pick(OPERATIONS)}`;
  const fields = Array.from({ length: seeded.below(5) }, () => [
    amqp.str(seeded.pick(FIELDS)),
    fieldValue(seeded),
  ]).flat();
  return Buffer.concat([
    amqp.described(0x73, amqp.list(amqp.str("1"), amqp.NULL, amqp.NULL, amqp.NULL, amqp.str("reply"))),
    amqp.described(0x74, amqp.map(amqp.str("operation"), amqp.str(name), amqp.str("name"), fieldValue(seeded))),
    amqp.described(0x77, seeded.oneIn(6) ? oddValue(seeded) : amqp.map(...fields)),
  ]);
}

function fieldValue(seeded: Seeded): Buffer {
  switch (seeded.below(6)) {
    case 0:
      return amqp.list(...many(seeded, 0));
    case 1:
      return amqp.compound(0xf0, 5 + 16, 1, Buffer.concat([Buffer.from([0x98]), seeded.bytes(16)]));
    case 2:
      return amqp.compound(0xf0, 5 + 8, 1, Buffer.concat([Buffer.from([0x81]), seeded.bytes(8)]));
    case 3:
      return amqp.str(seeded.pick(["completed", "suspended", "sb://localhost/fuzz", `a${"/".repeat(5_000)}b`]));
    default:
      return anyValue(seeded);
  }
}

/** A frame that fits no conversation: wrong types, handles, channels, ranges, sizes, or no frame at all. */
export function malformedFrame(seeded: Seeded): Buffer {
  const channel = seeded.oneIn(3) ? seeded.pick([1, 5, 4_999, 65_535]) : 0;
  switch (seeded.below(12)) {
    case 0:
      return seeded.bytes(1 + seeded.below(80));
    case 1:
      return amqp.frame(seeded.bytes(seeded.below(80)), channel, seeded.oneIn(8) ? seeded.below(256) : 0);
    case 2: {
      const body = amqp.frame(amqp.described(0x13, amqp.list()), channel);
      body.writeUInt32BE(seeded.pick([...BIG, 7, 8, 9, 65_537]), 0);
      return body;
    }
    case 3: {
      const body = amqp.frame(amqp.described(0x10 + seeded.below(9), amqp.list()), channel);
      body[4] = seeded.below(256);
      return body;
    }
    case 4:
    case 5:
      return amqp.frame(amqp.described(0x10 + seeded.below(9), amqp.list(...many(seeded, 0))), channel);
    case 6:
      return amqp.frame(amqp.described(0x10 + seeded.below(9), brokenValue(seeded)), channel);
    case 7:
      return amqp.frame(amqp.described(seeded.below(256), anyValue(seeded)), channel);
    case 8:
      return amqp.frame(oddValue(seeded), channel);
    case 9:
      return amqp.transfer(seeded.pick([...BIG, 2, 3]), seeded.pick(BIG), seeded.bytes(10), seeded.pick(BIG), channel);
    case 10:
      return amqp.frame(
        amqp.described(
          0x15,
          amqp.list(
            amqp.bool(seeded.oneIn(2)),
            amqp.uint(seeded.pick(BIG)),
            amqp.uint(seeded.pick(BIG)),
            amqp.bool(true),
            anyValue(seeded),
          ),
        ),
        channel,
      );
    default:
      return amqp.frame(amqp.described(0x40 + seeded.below(5), amqp.list(...many(seeded, 0))), 0, 1);
  }
}

/**
 * A frame that a connection may outlive: it is well formed, and asks for what is not there or makes no sense.
 * @param handle one that no link has.
 */
export function oddFrame(seeded: Seeded, handle: number): Buffer {
  switch (seeded.below(5)) {
    case 0: {
      const address = seeded.pick([
        "",
        "none",
        "fuzz/$nothing",
        "a/Subscriptions/b",
        `a${"/".repeat(9_000)}b`,
        "__proto__",
      ]);
      return amqp.attach(handle, `odd-${handle}`, address, seeded.oneIn(2));
    }
    case 1: {
      const modes = [amqp.ubyte(seeded.below(3)), amqp.ubyte(seeded.below(2))];
      const fields = [amqp.str(`odd-${handle}`), amqp.uint(handle), amqp.bool(seeded.oneIn(2)), ...modes];
      const terminus = () =>
        seeded.oneIn(2) ? amqp.described(0x28 + seeded.below(2), amqp.list(anyValue(seeded))) : amqp.NULL;
      return amqp.frame(amqp.described(0x12, amqp.list(...fields, terminus(), terminus())));
    }
    case 2:
      return amqp.frame(
        amqp.described(
          0x15,
          amqp.list(amqp.bool(true), amqp.uint(seeded.pick(BIG)), amqp.uint(seeded.pick(BIG)), amqp.bool(true)),
        ),
      );
    case 3:
      return amqp.frame(
        amqp.described(0x13, amqp.list(amqp.uint(0), amqp.uint(0xffff), amqp.uint(0), amqp.uint(seeded.pick(BIG)))),
      );
    default:
      return amqp.frame(Buffer.alloc(0));
  }
}

/** Changes something in a frame that was right: bits, its size, its channel, its end, or its type codes. */
export function mutated(seeded: Seeded, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  if (bytes.length === 0) return seeded.bytes(8);
  switch (seeded.below(6)) {
    case 0:
      for (let i = 0; i <= seeded.below(4); i++) {
        const at = seeded.below(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << seeded.below(8));
      }
      return bytes;
    case 1:
      bytes[seeded.below(bytes.length)] = seeded.pick(CODES);
      return bytes;
    case 2:
      if (bytes.length >= 4) bytes.writeUInt32BE(seeded.pick(BIG), seeded.below(bytes.length - 3));
      return bytes;
    case 3:
      return bytes.subarray(0, seeded.below(bytes.length));
    case 4: {
      const at = seeded.below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), seeded.bytes(1 + seeded.below(8)), bytes.subarray(at)]);
    }
    default: {
      // The size says what is there; what is there does not.
      const from = Math.min(8, bytes.length);
      const cut = Buffer.concat([
        bytes.subarray(0, from),
        bytes.subarray(from + seeded.below(bytes.length - from + 1)),
      ]);
      if (cut.length >= 8) cut.writeUInt32BE(cut.length, 0);
      return cut;
    }
  }
}
