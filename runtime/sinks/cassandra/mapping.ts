import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { isLosslessNumber, LosslessNumber, parse as parseLossless } from "lossless-json";
import {
  type Column,
  type MessageField,
  PARTITION_KEY_SEPARATOR,
  PoisonReason,
  type ScalarType,
  type SinkMessage,
  type TableDefinition,
} from "../../contract/index.js";
import { instant, writeTimestamp } from "./times.js";
import { invalidValue, Unfit, WrongValue } from "./unfit.js";
import { type Cell, cellOf, EXACT_TYPES, kindOf, sizeOf, textOf } from "./values.js";

/** What a message does to its row. */
export const RowChange = { Write: "write", Delete: "delete" } as const;
export type RowChange = (typeof RowChange)[keyof typeof RowChange];

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

/** What of a message its row is made of. */
export type RowSource = Pick<SinkMessage, "messageId" | "body"> &
  Partial<
    Pick<SinkMessage, "partitionKey" | "sessionId" | "subject" | "correlationId" | "enqueuedTime" | "properties">
  >;

/** Longest key that Cassandra takes, in bytes: its length is written in 16 bits. */
const KEY_BYTES = 65_535;

interface Reader {
  name: string;
  column: Column;
  /** Where the value comes from, for a person: `the body's reading.celsius`. */
  origin: string;
  read(source: RowSource, body: unknown): unknown;
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
  private readonly eventPath: string[];
  private readonly exact: boolean;

  constructor(private readonly table: TableDefinition) {
    const keys = new Set([...table.partitionKey, ...table.clusteringKey.map((key) => key.column)]);
    this.columns = Object.keys(table.columns);
    this.readers = Object.entries(table.columns).map(([name, column]) => ({
      ...reading(column),
      name,
      column,
      key: keys.has(name),
      needed: keys.has(name) || column.required === true,
    }));
    this.keyPlaces = table.partitionKey.map((name) => this.columns.indexOf(name));
    this.clusteringPlaces = table.clusteringKey.map(({ column }) => this.columns.indexOf(column));
    this.eventPath = (table.from.time.body ?? "").split(".");
    this.exact = this.readers.some(
      ({ column }) => column.body !== undefined && EXACT_TYPES.includes(column.type as ScalarType),
    );
  }

  /** The message's row. Throws Unfit where the message is poison. */
  row(source: RowSource): Row {
    const body = this.parse(source.body);
    const cells = this.readers.map((reader) => cell(reader, source, body));
    const { partition, partitionKey } = this.partitionOf(cells);
    if (source.partitionKey !== undefined && source.partitionKey !== partitionKey)
      throw new Unfit(
        PoisonReason.PartitionKeyMismatch,
        `The message's partition key is not the one that its ${this.table.partitionKey.join(", ")} give: ` +
          `their values in text form, joined by "${PARTITION_KEY_SEPARATOR}".`,
      );
    const bytes = cells.reduce((sum: number, each) => sum + (each === undefined ? 4 : sizeOf(each)), 16);
    const { timestamp, eventTime } = this.times(source, body);
    return { change: RowChange.Write, cells, timestamp, eventTime, partition, partitionKey, bytes };
  }

  /** Table and primary key of a row, in text form: `telemetry.readings ["device-7","2026-01-31"]`. */
  nameOf({ cells }: Row): string {
    const { keyspace, name } = this.table;
    const key = [...this.keyPlaces, ...this.clusteringPlaces].map((place) => this.textAt(place, cells));
    return `${keyspace}.${name} ${JSON.stringify(key)}`;
  }

  private textAt(place: number, cells: Row["cells"]): string {
    const column = this.readers[place]?.column;
    const value = cells[place];
    return column === undefined || value === undefined ? "" : textOf(column.type as ScalarType, value);
  }

  private parse(bytes: Buffer): object {
    const body = isUtf8(bytes) ? parseJson(bytes.toString("utf8"), this.exact) : undefined;
    if (typeof body !== "object" || body === null || Array.isArray(body))
      throw new Unfit(PoisonReason.InvalidBody, "The body is not a JSON object in UTF-8.");
    return body;
  }

  private times(source: RowSource, body: object): Pick<Row, "timestamp" | "eventTime"> {
    const value = valueAt(body, this.eventPath);
    const origin = `The event time, the body's ${this.table.from.time.body},`;
    if (value === undefined || value === null) throw new Unfit(PoisonReason.MissingValue, `${origin} is missing.`);
    return fitting(value, origin, () => {
      const time = instant(value);
      return { timestamp: writeTimestamp(time, spreadOf(source.messageId)), eventTime: time.milliseconds };
    });
  }

  private partitionOf(cells: Row["cells"]): { partition: string; partitionKey: string } {
    let bytes = 0;
    const texts = this.keyPlaces.map((place) => {
      const { name, column } = this.readers[place] ?? {};
      const value = cells[place];
      if (name === undefined || column === undefined || value === undefined) return "";
      bytes += sizeOf(value);
      const text = textOf(column.type as ScalarType, value);
      if (this.keyPlaces.length === 1 && text === "")
        throw invalidValue(`Column ${name} is the whole partition key and must not be empty.`);
      return text;
    });
    if (bytes > KEY_BYTES) throw invalidValue(`The partition key must not be longer than ${KEY_BYTES} bytes.`);
    return { partition: JSON.stringify(texts), partitionKey: texts.join(PARTITION_KEY_SEPARATOR) };
  }
}

/**
 * The partition key that a producer gives a message, so that it is kept with its row: `device-7|2026-01-31`.
 * `body` is what will be sent as JSON. Throws where the body cannot become a row of the table.
 */
export function expectedPartitionKey(
  table: TableDefinition,
  body: object,
  envelope: Partial<Omit<RowSource, "body" | "partitionKey">> = {},
): string {
  return new RowMapper(table).row({ messageId: "", ...envelope, body: Buffer.from(JSON.stringify(body)) }).partitionKey;
}

/** 0 to 999, from the message id alone: the same for every delivery. */
function spreadOf(messageId: string): number {
  return createHash("sha256").update(messageId).digest().readUInt32BE(0) % 1000;
}

function cell(reader: Reader, source: RowSource, body: unknown): Cell | undefined {
  const { name, column, origin } = reader;
  const value = reader.read(source, body);
  if (value === undefined || value === null) {
    if (!reader.needed) return undefined;
    throw new Unfit(PoisonReason.MissingValue, `Column ${name} has no value: ${origin} is missing.`);
  }
  const found = fitting(value, `Column ${name} (${column.type}): ${origin}`, () =>
    cellOf[column.type as ScalarType](value),
  );
  if (reader.key && sizeOf(found) > KEY_BYTES)
    throw invalidValue(`Column ${name}: ${origin} must not be longer than ${KEY_BYTES} bytes.`);
  return found;
}

/** The result of a conversion; where the value breaks its rule, an Unfit that names the place, the kind and the rule. */
function fitting<T>(value: unknown, where: string, convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    if (error instanceof WrongValue) throw invalidValue(`${where} is ${kindOf(value)} and ${error.rule}.`);
    throw error;
  }
}

function reading(column: Column): Pick<Reader, "origin" | "read"> {
  const { body, property, message } = column;
  if (body !== undefined) {
    const path = body.split(".");
    return { origin: `the body's ${body}`, read: (_source, parsed) => valueAt(parsed, path) };
  }
  if (property !== undefined)
    return {
      origin: `the application property ${property}`,
      read: ({ properties = {} }) => (Object.hasOwn(properties, property) ? properties[property] : undefined),
    };
  return { origin: `the message's ${message}`, read: (source) => envelope(source, message) };
}

function envelope(source: RowSource, field: MessageField | undefined): unknown {
  return field === undefined ? undefined : source[field];
}

/** The value at a path of keys; undefined where a step is missing. What an object inherits is not its value. */
function valueAt(value: unknown, path: string[]): unknown {
  let found: unknown = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null || isLosslessNumber(found) || !Object.hasOwn(found, key))
      return undefined;
    found = Reflect.get(found, key);
  }
  return found;
}

/** Parses JSON; undefined where it is none. `exact` keeps all digits of numbers, which costs time. */
function parseJson(text: string, exact: boolean): unknown {
  try {
    if (!exact) return JSON.parse(text);
    return parseLossless(text, null, {
      parseNumber: (digits) => new LosslessNumber(digits),
      // As JSON.parse does: the last one wins.
      onDuplicateKey: ({ newValue }) => newValue,
    });
  } catch {
    return undefined;
  }
}
