import { hash } from "node:crypto";
import {
  PARTITION_KEY_SEPARATOR,
  PoisonReason,
  parseCqlType,
  ScalarType,
  someType,
  type TableDefinition,
  type TimeBucket,
  type TypeTree,
} from "../../contract/index.js";
import { int64Bytes } from "./bytes.js";
import { bucketStart, DAY_MS } from "./calendar.js";
import type { Codec } from "./codec.js";
import { Digits } from "./jsonText.js";
import { type Opened, openerOf, type Place, placeOf, type RowSource } from "./places.js";
import { codecOf } from "./structures.js";
import { Day, type Instant, instant, writeTimestamp } from "./times.js";
import { invalidValue, Unfit, WrongValue } from "./unfit.js";
import { digitsOf, kindOf } from "./values.js";

export type { RowSource } from "./places.js";

/** What a message does to its row. */
export const RowChange = { Write: "write", Delete: "delete" } as const;
export type RowChange = (typeof RowChange)[keyof typeof RowChange];

/** A value as the native protocol writes it: the driver passes bytes on as they are. */
export type Cell = Buffer;

/** A message as a row. */
export interface Row {
  /** A deletion has cells for the primary key alone. */
  change: RowChange;
  /** A cell for each column of the table, in its order; undefined where the message has no value for it. */
  cells: (Cell | undefined)[];
  /** Microseconds since 1970, int64: when the event was, with what tells it from others in the same millisecond. */
  timestamp: bigint;
  /** When the event was, in milliseconds since 1970, whole. */
  eventTime: number;
  /** The partition key's values in text form, joined: what the message's partition key must be. */
  partitionKey: string;
  /** Tells partitions apart, whatever their values hold. */
  partition: string;
  /** About how many bytes the row takes in a request. */
  bytes: number;
}

/** Longest key that Cassandra takes, in bytes: its length is written in 16 bits. */
const KEY_BYTES = 65_535;
/** Bytes that each part of a partition key of several columns takes beside its own. */
const KEY_PART_BYTES = 3;
/** About what a row takes in a request beside its cells, and what each cell does beside its own bytes. */
const ROW_BYTES = 16;
const CELL_BYTES = 4;

interface Reader {
  name: string;
  type: string;
  codec: Codec;
  place: Place;
  bucket: TimeBucket | undefined;
  key: boolean;
  needed: boolean;
}

/** Turns messages into rows of one table. Pure: the same message gives the same row, wherever and whenever. */
export class RowMapper {
  /** Names of the columns, in the order of a row's cells. */
  readonly columns: string[];
  private readonly readers: Reader[];
  private readonly keyPlaces: number[];
  private readonly clusteringPlaces: number[];
  private readonly time: Place;
  private readonly deletes: { place: Place; equals: string } | undefined;
  private readonly open: (source: RowSource) => Opened;

  /** Throws a CqlTypeError or AvroSchemaError where the table is not one that `tableProblems` finds nothing wrong with. */
  constructor(private readonly table: TableDefinition) {
    const { columns, from } = table;
    const keys = new Set([...table.partitionKey, ...table.clusteringKey.map((key) => key.column)]);
    const types = Object.values(columns).map(({ type }) => parseCqlType(type, table.types));
    this.columns = Object.keys(columns);
    this.readers = Object.entries(columns).map(([name, column], i) => ({
      name,
      type: column.type,
      codec: codecOf(types[i] ?? { kind: "scalar", scalar: "text" }),
      place: placeOf(column),
      bucket: column.bucket,
      key: keys.has(name),
      needed: keys.has(name) || column.required === true,
    }));
    this.keyPlaces = table.partitionKey.map((name) => this.columns.indexOf(name));
    this.clusteringPlaces = table.clusteringKey.map(({ column }) => this.columns.indexOf(column));
    this.time = placeOf(from.time);
    this.deletes = from.deletes && { place: placeOf(from.deletes), equals: from.deletes.equals };
    const sources = [...Object.values(columns), from.time, from.deletes];
    this.open = openerOf(from, {
      body: sources.some((source) => source?.body !== undefined),
      digits: digitsNeeded(types),
    });
  }

  /** The message's row. Throws Unfit where the message is poison. */
  row(source: RowSource): Row {
    const opened = this.open(source);
    const time = this.timeOf(source, opened);
    const change = this.isDeletion(source, opened) ? RowChange.Delete : RowChange.Write;
    const { readers } = this;
    const cells = new Array<Cell | undefined>(readers.length);
    let bytes = ROW_BYTES;
    let at = 0;
    for (const reader of readers) {
      const cell =
        change === RowChange.Delete && !reader.key ? undefined : cellOf(reader, source, opened, time.milliseconds);
      cells[at++] = cell;
      bytes += CELL_BYTES + (cell === undefined ? 0 : cell.length);
    }
    const { partition, partitionKey } = this.partitionOf(cells);
    if (source.partitionKey !== undefined && source.partitionKey !== partitionKey)
      throw new Unfit(
        PoisonReason.PartitionKeyMismatch,
        `The message's partition key is not the one that its ${this.table.partitionKey.join(", ")} give: ` +
          `their values in text form, joined by "${PARTITION_KEY_SEPARATOR}".`,
      );
    const timestamp = writeTimestamp(time, () => spreadOf(source.messageId));
    return { change, cells, timestamp, eventTime: time.milliseconds, partition, partitionKey, bytes };
  }

  /** Table and primary key of a row, in text form: `telemetry.readings ["device-7","2026-01-31"]`. */
  nameOf({ cells }: Pick<Row, "cells">): string {
    const { keyspace, name } = this.table;
    const key = [...this.keyPlaces, ...this.clusteringPlaces].map((place) => this.textAt(place, cells));
    return `${keyspace}.${name} ${JSON.stringify(key)}`;
  }

  private textAt(place: number, cells: Row["cells"]): string {
    const cell = cells[place];
    return cell === undefined ? "" : (this.readers[place]?.codec.text(cell) ?? "");
  }

  private timeOf(source: RowSource, opened: Opened): Instant {
    const value = this.time.read(source, opened);
    if (value === undefined || value === null)
      throw new Unfit(PoisonReason.MissingValue, `The event time, ${this.time.origin}, is missing.`);
    try {
      return instant(value);
    } catch (error) {
      throw unfit(error, value, `The event time, ${this.time.origin},`);
    }
  }

  private isDeletion(source: RowSource, opened: Opened): boolean {
    if (this.deletes === undefined) return false;
    const value = this.deletes.place.read(source, opened);
    return value !== undefined && value !== null && typeof value !== "object" && String(value) === this.deletes.equals;
  }

  private partitionOf(cells: Row["cells"]): { partition: string; partitionKey: string } {
    const { keyPlaces } = this;
    const [first = 0] = keyPlaces;
    if (keyPlaces.length === 1) {
      if (cells[first]?.length === 0)
        throw invalidValue(`Column ${this.columns[first]} is the whole partition key and must not be empty.`);
      const partitionKey = this.textAt(first, cells);
      return { partition: partitionKey, partitionKey };
    }
    let bytes = 0;
    let partition = "";
    let partitionKey = "";
    for (const place of keyPlaces) {
      const text = this.textAt(place, cells);
      bytes += KEY_PART_BYTES + (cells[place]?.length ?? 0);
      // Its length first: a value may hold the separator.
      partition += `${text.length}:${text}`;
      partitionKey += place === first ? text : PARTITION_KEY_SEPARATOR + text;
    }
    if (bytes > KEY_BYTES) throw invalidValue(`The partition key must not be longer than ${KEY_BYTES} bytes.`);
    return { partition, partitionKey };
  }
}

/** The digits that values of these types need of a body's numbers. */
function digitsNeeded(types: readonly TypeTree[]): Digits {
  const needs = (digits: Digits) =>
    types.some((type) => someType(type, (part) => part.kind === "scalar" && digitsOf(part.scalar) === digits));
  if (needs(Digits.All)) return Digits.All;
  return needs(Digits.Whole) ? Digits.Whole : Digits.Double;
}

const MAPPERS = new WeakMap<TableDefinition, RowMapper>();

/** The mapper of a table, made once. */
export function mapperOf(table: TableDefinition): RowMapper {
  const mapper = MAPPERS.get(table) ?? new RowMapper(table);
  MAPPERS.set(table, mapper);
  return mapper;
}

/**
 * The partition key that a producer gives a message, so that it is kept with its row: `device-7|2026-01-31`.
 * `body` is what will be sent: an object as JSON, or bytes. Of a CloudEvent in binary form `envelope` has the properties.
 * Throws where the message cannot become a row of the table.
 */
export function expectedPartitionKey(
  table: TableDefinition,
  body: object,
  envelope: Partial<Omit<RowSource, "body" | "partitionKey">> = {},
): string {
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  return mapperOf(table).row({ messageId: "", ...envelope, body: bytes }).partitionKey;
}

/** 0 to 999, from the message id alone: the same for every delivery. */
function spreadOf(messageId: string): number {
  return Number.parseInt(hash("sha256", messageId).slice(0, 8), 16) % 1000;
}

function cellOf(reader: Reader, source: RowSource, opened: Opened, eventTime: number): Cell | undefined {
  const { bucket, codec, place } = reader;
  if (bucket !== undefined) {
    const start = bucketStart(bucket, eventTime);
    return reader.type === ScalarType.Date ? codec.encode(new Day(start / DAY_MS)) : int64Bytes(start);
  }
  const value = place.read(source, opened);
  if (value === undefined || value === null) {
    if (!reader.needed) return undefined;
    throw new Unfit(PoisonReason.MissingValue, `Column ${reader.name} has no value: ${place.origin} is missing.`);
  }
  try {
    const cell = codec.encode(value);
    if (reader.key && cell.length > KEY_BYTES)
      throw new WrongValue(`must not be longer than ${KEY_BYTES} bytes in a key`);
    return cell;
  } catch (error) {
    throw unfit(error, value, `Column ${reader.name} (${reader.type}): ${place.origin}`);
  }
}

/** An Unfit that names the place, the kind and the rule; any other error as it is. */
function unfit(error: unknown, value: unknown, where: string): unknown {
  return error instanceof WrongValue ? invalidValue(`${where} is ${kindOf(value)} and ${error.rule}.`) : error;
}
