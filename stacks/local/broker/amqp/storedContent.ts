import type { Content, PropertyChanges } from "../core/content.js";
import { Code, Section } from "./codec.js";
import { AmqpContent } from "./content.js";
import { annotationsOf } from "./rewriting.js";

// A message's content as it is written down: an AMQP message, with the sender's header and annotations in front of the
// bytes that were sent. Properties that settlements have set are merged into it.

const LARGEST_UINT = 0xffff_ffff;

function numberOf(value: number): Buffer {
  const whole = Math.max(0, Math.floor(value));
  if (whole <= LARGEST_UINT) {
    const bytes = Buffer.from([Code.Uint, 0, 0, 0, 0]);
    bytes.writeUInt32BE(whole, 1);
    return bytes;
  }
  const bytes = Buffer.from([Code.Ulong, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeBigUInt64BE(BigInt(whole), 1);
  return bytes;
}

function headerOf({ durable, priority, timeToLiveMs }: AmqpContent): Buffer {
  const fields = Buffer.concat([
    Buffer.from([durable === undefined ? Code.Null : durable ? Code.True : Code.False]),
    Buffer.from(priority === undefined ? [Code.Null] : [Code.Ubyte, priority & 0xff]),
    timeToLiveMs === undefined ? Buffer.from([Code.Null]) : numberOf(timeToLiveMs),
  ]);
  const head = [Code.Described, Code.SmallUlong, Section.Header, Code.List8, fields.length + 1, 3];
  return Buffer.concat([Buffer.from(head), fields]);
}

/** What is written down of a content, with the properties that settlements have set on its message. */
export function encodeStored(content: Content, changes: PropertyChanges | undefined): Buffer {
  const whole = changes === undefined ? content : content.rewritten(changes, undefined);
  if (!(whole instanceof AmqpContent)) {
    throw new TypeError("The message was not sent over AMQP.");
  }
  return Buffer.concat([headerOf(whole), annotationsOf(whole.annotations, whole.annotationCount), whole.bare]);
}

/** A content as it was written down. */
export function decodeStored(encoded: Buffer): Content {
  return new AmqpContent(encoded);
}
