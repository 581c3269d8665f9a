import { BrokerError, BrokerErrorCode } from "../core/errors.js";

// The little of AMQP 1.0's type system (OASIS, part 1) that is needed to find the sections of a message and the
// fields the broker looks at, without decoding the rest.

/** The descriptors of a message's sections. */
export const Section = {
  Header: 0x70,
  DeliveryAnnotations: 0x71,
  MessageAnnotations: 0x72,
  Properties: 0x73,
  ApplicationProperties: 0x74,
  Data: 0x75,
  Sequence: 0x76,
  Value: 0x77,
  Footer: 0x78,
} as const;

const SECTION_NAMES: ReadonlyMap<string, number> = new Map([
  ["amqp:header:list", Section.Header],
  ["amqp:delivery-annotations:map", Section.DeliveryAnnotations],
  ["amqp:message-annotations:map", Section.MessageAnnotations],
  ["amqp:properties:list", Section.Properties],
  ["amqp:application-properties:map", Section.ApplicationProperties],
  ["amqp:data:binary", Section.Data],
  ["amqp:amqp-sequence:list", Section.Sequence],
  ["amqp:amqp-value:*", Section.Value],
  ["amqp:footer:map", Section.Footer],
]);

/** Type codes that are read or written by name. */
export const Code = {
  Described: 0x00,
  Null: 0x40,
  True: 0x41,
  False: 0x42,
  Uint0: 0x43,
  Ulong0: 0x44,
  List0: 0x45,
  Ubyte: 0x50,
  SmallUint: 0x52,
  SmallUlong: 0x53,
  Boolean: 0x56,
  Uint: 0x70,
  Int: 0x71,
  Ulong: 0x80,
  Long: 0x81,
  Timestamp: 0x83,
  Uuid: 0x98,
  Binary8: 0xa0,
  String8: 0xa1,
  Symbol8: 0xa3,
  Binary32: 0xb0,
  String32: 0xb1,
  Symbol32: 0xb3,
  List8: 0xc0,
  Map8: 0xc1,
  List32: 0xd0,
  Map32: 0xd1,
} as const;

/** How deep described values may nest: the standard's own never go beyond two. */
const DEEPEST = 8;

export function undecodable(what: string): BrokerError {
  return new BrokerError(BrokerErrorCode.Undecodable, `The message cannot be decoded: ${what}.`);
}

/** One section of a message: its descriptor, and where it and its value lie in the buffer. */
export interface SectionRange {
  readonly code: number;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** Reads forward through a buffer; every step is checked against its end. */
export class Cursor {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;

  constructor(buffer: Buffer, at = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** Moves forward; returns where it stood. */
  #advance(bytes: number): number {
    const from = this.at;
    if (from + bytes > this.end) {
      throw undecodable(`${bytes} bytes expected at ${from}, ${this.end - from} are there`);
    }
    this.at = from + bytes;
    return from;
  }

  byte(): number {
    return this.buffer.readUInt8(this.#advance(1));
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.#advance(4));
  }

  int64(): number {
    return Number(this.buffer.readBigInt64BE(this.#advance(8)));
  }

  bytes(length: number): Buffer {
    const from = this.#advance(length);
    return this.buffer.subarray(from, from + length);
  }

  /** Passes over one value with its type code. */
  skip(depth = 0): void {
    const code = this.byte();
    switch (code >> 4) {
      case 0x4:
        return;
      case 0x5:
        this.#advance(1);
        return;
      case 0x6:
        this.#advance(2);
        return;
      case 0x7:
        this.#advance(4);
        return;
      case 0x8:
        this.#advance(8);
        return;
      case 0x9:
        this.#advance(16);
        return;
      case 0xa:
      case 0xc:
      case 0xe:
        this.#advance(this.byte());
        return;
      case 0xb:
      case 0xd:
      case 0xf:
        this.#advance(this.uint32());
        return;
      default:
        if (code !== Code.Described || depth >= DEEPEST) {
          throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no type code`);
        }
        this.skip(depth + 1);
        this.skip(depth + 1);
    }
  }

  /** A string or symbol; undefined for null. */
  text(): string | undefined {
    const code = this.byte();
    switch (code) {
      case Code.Null:
        return undefined;
      case Code.String8:
      case Code.Symbol8:
        return this.bytes(this.byte()).toString("utf8");
      case Code.String32:
      case Code.Symbol32:
        return this.bytes(this.uint32()).toString("utf8");
      default:
        throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no string`);
    }
  }

  /** Binary data; undefined if it is something else. */
  binary(): Buffer | undefined {
    const code = this.byte();
    if (code === Code.Binary8) {
      return this.bytes(this.byte());
    }
    return code === Code.Binary32 ? this.bytes(this.uint32()) : undefined;
  }

  /** An unsigned number of up to 32 bits, or a ulong; undefined for null. */
  unsigned(): number | undefined {
    const code = this.byte();
    switch (code) {
      case Code.Null:
        return undefined;
      case Code.Uint0:
      case Code.Ulong0:
        return 0;
      case Code.Ubyte:
      case Code.SmallUint:
      case Code.SmallUlong:
        return this.byte();
      case Code.Uint:
        return this.uint32();
      case Code.Ulong:
        return Number(this.buffer.readBigUInt64BE(this.#advance(8)));
      default:
        throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no unsigned number`);
    }
  }

  /** True or false; undefined for null. */
  boolean(): boolean | undefined {
    const code = this.byte();
    switch (code) {
      case Code.Null:
        return undefined;
      case Code.True:
        return true;
      case Code.False:
        return false;
      case Code.Boolean:
        return this.byte() !== 0;
      default:
        throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no boolean`);
    }
  }

  /** Enters a list: how many fields follow, and where they end. */
  list(): { readonly count: number; readonly end: number } {
    const code = this.byte();
    switch (code) {
      case Code.List0:
        return { count: 0, end: this.at };
      case Code.List8:
        return this.#compound(this.byte(), false);
      case Code.List32:
        return this.#compound(this.uint32(), true);
      default:
        throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no list`);
    }
  }

  /** Enters a map: how many keys and values follow, together, and where they end. */
  map(): { readonly count: number; readonly end: number } {
    const code = this.byte();
    switch (code) {
      case Code.Map8:
        return this.#compound(this.byte(), false);
      case Code.Map32:
        return this.#compound(this.uint32(), true);
      default:
        throw undecodable(`0x${code.toString(16)} at ${this.at - 1} is no map`);
    }
  }

  #compound(size: number, wide: boolean): { readonly count: number; readonly end: number } {
    const end = this.at + size;
    if (end > this.end) {
      throw undecodable(`a list or map of ${size} bytes at ${this.at}, ${this.end - this.at} are there`);
    }
    return { count: wide ? this.uint32() : this.byte(), end };
  }

  /** The next section; leaves the cursor behind it. */
  section(): SectionRange {
    const start = this.at;
    if (this.byte() !== Code.Described) {
      throw undecodable(`no section at ${start}`);
    }
    const mark = this.at;
    const symbolic = this.buffer[mark] === Code.Symbol8;
    const code = symbolic ? SECTION_NAMES.get(this.text() ?? "") : this.unsigned();
    if (code === undefined || code < Section.Header || code > Section.Footer) {
      throw undecodable(`the descriptor at ${mark} names no section`);
    }
    const value = this.at;
    this.skip();
    return { code, start, value, end: this.at };
  }
}

/** One entry of a map: its key, and where key and value lie. */
export interface MapEntry {
  readonly key: string;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** The entries of the map at `at`. */
export function mapEntries(buffer: Buffer, at: number): MapEntry[] {
  const cursor = new Cursor(buffer, at);
  const { count, end } = cursor.map();
  const entries: MapEntry[] = [];
  for (let i = 0; i + 1 < count; i += 2) {
    const start = cursor.at;
    const key = cursor.text() ?? "";
    const value = cursor.at;
    cursor.skip();
    entries.push({ key, start, value, end: cursor.at });
  }
  if (cursor.at !== end) {
    throw undecodable(`the map at ${at} is ${end - at} bytes long, its entries end at ${cursor.at - at}`);
  }
  return entries;
}
