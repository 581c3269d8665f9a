// AMQP by hand: what is written here need not be right, which is the point.

export const PROTOCOL_SASL = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);
export const PROTOCOL_AMQP = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);

export const NULL = Buffer.from([0x40]);

export function uint(value: number): Buffer {
  const bytes = Buffer.from([0x70, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value >>> 0, 1);
  return bytes;
}

export const ubyte = (value: number) => Buffer.from([0x50, value & 0xff]);
export const ushort = (value: number) => Buffer.from([0x60, (value >> 8) & 0xff, value & 0xff]);
export const bool = (value: boolean) => Buffer.from([value ? 0x41 : 0x42]);

function variable(code: number, bytes: Buffer): Buffer {
  const head = Buffer.from([code, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export const str = (value: string) => variable(0xb1, Buffer.from(value));
export const sym = (value: string) => variable(0xb3, Buffer.from(value));
export const bin = (value: Buffer) => variable(0xb0, value);

/** A list, map or array head with any size and count, true or not. */
export function compound(code: number, size: number, count: number, body: Buffer): Buffer {
  const head = Buffer.from([code, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(size >>> 0, 1);
  head.writeUInt32BE(count >>> 0, 5);
  return Buffer.concat([head, body]);
}

export function list(...values: Buffer[]): Buffer {
  const body = Buffer.concat(values);
  return compound(0xd0, body.length + 4, values.length, body);
}

export function map(...values: Buffer[]): Buffer {
  const body = Buffer.concat(values);
  return compound(0xd1, body.length + 4, values.length, body);
}

export const described = (code: number, value: Buffer) => Buffer.concat([Buffer.from([0x00, 0x53, code]), value]);

/** A frame around a body, with its true size and place of data. */
export function frame(body: Buffer, channel = 0, type = 0): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 2, type, (channel >> 8) & 0xff, channel & 0xff]);
  head.writeUInt32BE(8 + body.length, 0);
  return Buffer.concat([head, body]);
}

export const saslInit = frame(described(0x41, list(sym("ANONYMOUS"), bin(Buffer.alloc(0)))), 0, 1);
export const open = (...more: Buffer[]) => frame(described(0x10, list(str("fuzz"), str("localhost"), ...more)));
export const begin = (channel = 0) => frame(described(0x11, list(NULL, uint(0), uint(0xffff), uint(0xffff))), channel);
export const close = frame(described(0x18, list()));

/** Attaches, to receive from an address or to send to it; `own` is the client's end, to which answers are sent. */
export function attach(handle: number, name: string, address: string, receives: boolean, own = address): Buffer {
  const terminus = (code: number) => described(code, list(str((code === 0x28) === receives ? address : own)));
  return frame(
    described(
      0x12,
      list(
        str(name),
        uint(handle),
        bool(receives),
        ubyte(0),
        ubyte(0),
        terminus(0x28),
        terminus(0x29),
        NULL,
        NULL,
        uint(0),
      ),
    ),
  );
}

export const credit = (handle: number, amount: number, channel = 0) =>
  frame(
    described(0x13, list(uint(0), uint(0xffff), uint(0), uint(0xffff), uint(handle), uint(0), uint(amount))),
    channel,
  );

export const transfer = (handle: number, deliveryId: number, payload: Buffer, format = 0, channel = 0) =>
  frame(
    Buffer.concat([
      described(
        0x14,
        list(uint(handle), uint(deliveryId), bin(Buffer.from([1])), uint(format), bool(false), bool(false)),
      ),
      payload,
    ]),
    channel,
  );

/** The bytes with which a connection with one session begins, all sent at once. */
export const PREFACE = Buffer.concat([PROTOCOL_SASL, saslInit, PROTOCOL_AMQP, open(), begin()]);
