import type { Content } from "../core/content.js";
import { MessageState, type StoredMessage } from "../core/message.js";
import { Code, Section } from "./codec.js";
import { AmqpContent } from "./content.js";
import { withChanges } from "./rewriting.js";

// How a stored message looks to a receiver: a header and annotations of the broker's, written anew for each delivery,
// and after them the bytes that the sender sent.

/** What `x-opt-message-state` says. */
const STATE_DEFERRED = 1;
const STATE_SCHEDULED = 2;
/** More than the header and the broker's own annotations ever need. */
const HEAD_ROOM = 320;
const LARGEST_UINT = 0xffff_ffff;
const TWO_TO_32 = 0x1_0000_0000;

/** A symbol key followed by the type code of its value: written in one piece. */
function key(name: string, valueCode: number): Buffer {
  return Buffer.concat([Buffer.from([Code.Symbol8, name.length]), Buffer.from(name), Buffer.from([valueCode])]);
}

const SEQUENCE_NUMBER = key("x-opt-sequence-number", Code.Long);
const ENQUEUE_SEQUENCE_NUMBER = key("x-opt-enqueue-sequence-number", Code.Long);
const ENQUEUED_TIME = key("x-opt-enqueued-time", Code.Timestamp);
const LOCKED_UNTIL = key("x-opt-locked-until", Code.Timestamp);
const MESSAGE_STATE = key("x-opt-message-state", Code.Int);

/** A message's content as this layer made it. */
function amqp(content: Content): AmqpContent {
  if (content instanceof AmqpContent) {
    return content;
  }
  throw new TypeError("The message was not sent over AMQP.");
}

/** What follows the annotations: as it was sent, or with the application properties that settlements have set. */
export function bareOf(message: StoredMessage): Buffer {
  const content = amqp(message.content);
  return message.changes === undefined
    ? content.bare
    : withChanges(content.bare, content.applicationRange, message.changes);
}

/** The most bytes that `writeHead` needs for this message. */
export function headRoom(message: StoredMessage): number {
  return HEAD_ROOM + amqp(message.content).annotations.length;
}

/**
 * Writes header and annotations.
 * @param lockedUntil milliseconds since 1970; undefined where there is no lock.
 * @returns where the writing ended.
 */
export function writeHead(
  target: Buffer,
  from: number,
  message: StoredMessage,
  lockedUntil: number | undefined,
): number {
  const at = writeHeader(target, from, message, amqp(message.content));
  return writeAnnotations(target, at, message, lockedUntil);
}

/** Header, annotations and the rest in one buffer, for where a message travels inside another. */
export function encodeDelivered(message: StoredMessage, lockedUntil: number | undefined): Buffer {
  const bare = bareOf(message);
  const head = Buffer.allocUnsafe(headRoom(message));
  return Buffer.concat([head.subarray(0, writeHead(head, 0, message, lockedUntil)), bare]);
}

function writeHeader(target: Buffer, from: number, message: StoredMessage, content: AmqpContent): number {
  let at = from;
  target[at++] = Code.Described;
  target[at++] = Code.SmallUlong;
  target[at++] = Section.Header;
  target[at++] = Code.List8;
  const size = at++;
  target[at++] = 5;
  target[at++] = content.durable === undefined ? Code.Null : content.durable ? Code.True : Code.False;
  if (content.priority === undefined) {
    target[at++] = Code.Null;
  } else {
    target[at++] = Code.Ubyte;
    target[at++] = content.priority & 0xff;
  }
  // What counts is the shorter of the sender's and the entity's; the receiver is told that one.
  const ttl =
    message.expiresAt === Number.POSITIVE_INFINITY ? content.timeToLiveMs : message.expiresAt - message.enqueuedAt;
  if (ttl === undefined) {
    target[at++] = Code.Null;
  } else {
    target[at++] = Code.Uint;
    at = target.writeUInt32BE(Math.min(LARGEST_UINT, Math.max(0, Math.floor(ttl))), at);
  }
  target[at++] = Code.Null;
  if (message.deliveryCount === 0) {
    target[at++] = Code.Uint0;
  } else {
    target[at++] = Code.Uint;
    at = target.writeUInt32BE(message.deliveryCount, at);
  }
  target[size] = at - size - 1;
  return at;
}

function writeNumber(target: Buffer, from: number, name: Buffer, value: number): number {
  let at = from + name.copy(target, from);
  at = target.writeUInt32BE(Math.floor(value / TWO_TO_32), at);
  return target.writeUInt32BE(value % TWO_TO_32, at);
}

function writeAnnotations(
  target: Buffer,
  from: number,
  message: StoredMessage,
  lockedUntil: number | undefined,
): number {
  const { annotations, annotationCount } = amqp(message.content);
  let at = from;
  target[at++] = Code.Described;
  target[at++] = Code.SmallUlong;
  target[at++] = Section.MessageAnnotations;
  target[at++] = Code.Map32;
  const size = at;
  at += 8;
  let entries = 3 + annotationCount;
  at = writeNumber(target, at, SEQUENCE_NUMBER, message.sequenceNumber);
  at = writeNumber(target, at, ENQUEUED_TIME, message.enqueuedAt);
  at = writeNumber(target, at, ENQUEUE_SEQUENCE_NUMBER, message.enqueuedSequenceNumber);
  if (lockedUntil !== undefined) {
    at = writeNumber(target, at, LOCKED_UNTIL, lockedUntil);
    entries++;
  }
  const state = stateOf(message);
  if (state !== undefined) {
    at += MESSAGE_STATE.copy(target, at);
    at = target.writeInt32BE(state, at);
    entries++;
  }
  at += annotations.copy(target, at);
  target.writeUInt32BE(at - size - 4, size);
  target.writeUInt32BE(entries * 2, size + 4);
  return at;
}

function stateOf(message: StoredMessage): number | undefined {
  if (message.state === MessageState.Scheduled) {
    return STATE_SCHEDULED;
  }
  return message.state === MessageState.Deferred || message.lock?.ofDeferred === true ? STATE_DEFERRED : undefined;
}
