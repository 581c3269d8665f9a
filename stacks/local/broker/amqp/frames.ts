import { Code } from "./codec.js";
import type { AmqpCondition } from "./conditions.js";

// The two frames the broker sends most, written straight into the output (OASIS AMQP 1.0, part 2).

const HEADER = 8;
const TRANSFER = 0x14;
const DISPOSITION = 0x15;
const ACCEPTED = 0x24;
const REJECTED = 0x25;
const ERROR = 0x1d;
/** In words of four bytes: there is no extended header. */
const DATA_OFFSET = 2;
const TYPE_AMQP = 0;
const FORMAT_MESSAGE = Code.Uint0;

/** The most that frame header and transfer take, with a tag of 16 bytes. */
export const TRANSFER_ROOM = 64;
/** The most that an accepting disposition takes. */
export const DISPOSITION_ROOM = 40;

export interface TransferFields {
  readonly handle: number;
  readonly deliveryId: number;
  readonly tag: Buffer;
  readonly settled: boolean;
  readonly more: boolean;
}

function writeUint(target: Buffer, at: number, value: number): number {
  target[at] = Code.Uint;
  return target.writeUInt32BE(value, at + 1);
}

/** Writes everything of a transfer frame before the payload; `closeFrame` follows once that is there. */
export function writeTransfer(target: Buffer, start: number, fields: TransferFields): number {
  let at = start + HEADER;
  target[at++] = Code.Described;
  target[at++] = Code.SmallUlong;
  target[at++] = TRANSFER;
  target[at++] = Code.List8;
  const size = at++;
  target[at++] = 6;
  at = writeUint(target, at, fields.handle);
  at = writeUint(target, at, fields.deliveryId);
  target[at++] = Code.Binary8;
  target[at++] = fields.tag.length;
  at += fields.tag.copy(target, at);
  target[at++] = FORMAT_MESSAGE;
  target[at++] = fields.settled ? Code.True : Code.False;
  target[at++] = fields.more ? Code.True : Code.False;
  target[size] = at - size - 1;
  return at;
}

/** Fills in a frame's header. */
export function closeFrame(target: Buffer, start: number, length: number, channel: number): void {
  target.writeUInt32BE(length, start);
  target[start + 4] = DATA_OFFSET;
  target[start + 5] = TYPE_AMQP;
  target.writeUInt16BE(channel, start + 6);
}

/** Whose deliveries a disposition is about: those we sent, or those we received. */
export type Side = "sender" | "receiver";

function role(side: Side): number {
  return side === "receiver" ? Code.True : Code.False;
}

/** An outcome without any field, by its descriptor. */
export const Outcome = { Accepted: ACCEPTED, Rejected: REJECTED, Released: 0x26, Modified: 0x27 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Writes a disposition that settles a range of deliveries with one outcome. Returns where it ends. */
export function writeSettled(
  side: Side,
  target: Buffer,
  start: number,
  channel: number,
  range: { readonly first: number; readonly last: number },
  outcome: Outcome = Outcome.Accepted,
): number {
  let at = start + HEADER;
  target[at++] = Code.Described;
  target[at++] = Code.SmallUlong;
  target[at++] = DISPOSITION;
  target[at++] = Code.List8;
  const size = at++;
  target[at++] = 5;
  target[at++] = role(side);
  at = writeUint(target, at, range.first);
  at = writeUint(target, at, range.last);
  target[at++] = Code.True;
  target[at++] = Code.Described;
  target[at++] = Code.SmallUlong;
  target[at++] = outcome;
  target[at++] = Code.List0;
  target[size] = at - size - 1;
  closeFrame(target, start, at - start, channel);
  return at;
}

/** A list with 32-bit size and count, of fields that are encoded already. */
function list(descriptor: number, fields: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(12);
  head.set([Code.Described, Code.SmallUlong, descriptor, Code.List32]);
  head.writeUInt32BE(
    fields.reduce((sum, field) => sum + field.length, 4),
    4,
  );
  head.writeUInt32BE(fields.length, 8);
  return Buffer.concat([head, ...fields]);
}

function text(code: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(5);
  head[0] = code;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A disposition frame that settles one delivery as rejected. */
export function rejectedFrame(side: Side, channel: number, deliveryId: number, error: AmqpCondition): Buffer {
  const fields = [text(Code.Symbol32, error.condition), text(Code.String32, error.description)];
  return dispositionFrame(side, channel, deliveryId, list(REJECTED, [list(ERROR, fields)]));
}

/** A disposition frame that settles one delivery with an encoded state. */
export function dispositionFrame(side: Side, channel: number, deliveryId: number, state: Buffer): Buffer {
  const id = Buffer.alloc(5);
  writeUint(id, 0, deliveryId);
  const body = list(DISPOSITION, [Buffer.from([role(side)]), id, id, Buffer.from([Code.True]), state]);
  const header = Buffer.alloc(HEADER);
  closeFrame(header, 0, HEADER + body.length, channel);
  return Buffer.concat([header, body]);
}
