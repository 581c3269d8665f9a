import { z } from "zod";
import {
  type Column,
  type CqlType,
  MessageField,
  MessageFormat,
  type MessageMapping,
  type TableDefinition,
  type TableOptions,
  TimeBucket,
} from "./table.js";
import { because, duration, oneOf, strict, text } from "./zod.js";

const trueOrFalse = z.boolean(because("must be true or false", "Write true, or leave it out"));
const propertyName = because("must be an application property's name", "Name the application property");
const cqlName = text(
  /^[a-z][a-z0-9_]{0,47}$/,
  "1 to 48 lower-case letters, digits or _, the first a letter",
  "Use a name that CQL needs no quotes for",
);
/** Any text: `tableProblems` reads it, and says what is wrong with it. */
const cqlType = z.custom<CqlType>(
  (value) => typeof value === "string",
  because("must be a CQL type", "Write text, bigint, frozen<list<double>> or another type"),
);
const bodyPath = text(/^[^.]+(\.[^.]+)*$/, "keys joined by dots", "Give a path such as reading.celsius");

const sources = {
  body: z.exactOptional(bodyPath),
  property: z.exactOptional(z.string(propertyName).min(1, propertyName)),
  attribute: z.exactOptional(
    text(/^[a-z0-9]{1,40}$/, "1 to 40 lower-case letters or digits", "Name an attribute of the CloudEvent"),
  ),
};

const columnSchema = strict({
  type: cqlType,
  ...sources,
  message: z.exactOptional(oneOf(MessageField)),
  bucket: z.exactOptional(oneOf(TimeBucket)),
  required: z.exactOptional(trueOrFalse),
}) satisfies z.ZodType<Column, Column>;

const rows = because("must be a number above 0", "Give the rows a second of one partition key");
const bytes = because("must be a number of at least 1", "Give the bytes of a row");

const mappingSchema = strict({
  format: z.exactOptional(oneOf(MessageFormat)),
  schema: z.exactOptional(z.string(because("must be an Avro schema as JSON text", "Give JSON.stringify({ … })"))),
  time: strict(sources),
  maxFutureSkew: z.exactOptional(duration("0s", "1d")),
  maxAge: z.exactOptional(duration("1s", "7300d")),
  deletes: z.exactOptional(
    strict({
      ...sources,
      message: z.exactOptional(oneOf(MessageField)),
      equals: z.string(because("must be text", "Give the text that makes a message a deletion")),
    }),
  ),
  rate: z.exactOptional(
    strict({ rowsPerSecond: z.number(rows).positive(rows), bytesPerRow: z.number(bytes).min(1, bytes) }),
  ),
}) satisfies z.ZodType<MessageMapping, MessageMapping>;

const cqlOptions = z.record(
  text(/^[a-z][a-z0-9_.]{0,63}$/i, "an option's name in CQL", "Use CQL's own name of it"),
  z.string(because("must be text", "Write the option as text, as CQL does")),
  because("must be options by name", 'Give { class: "LZ4Compressor" }, for example'),
);

const optionsSchema = strict({
  comment: z.exactOptional(z.string(because("must be text", "Say what the table is for"))),
  gcGrace: z.exactOptional(duration("1h", "1000d")),
  compaction: z.exactOptional(
    cqlOptions.refine(
      (options) => options["class"] !== undefined,
      because("must name its class", 'Give class: "TimeWindowCompactionStrategy" or another'),
    ),
  ),
  compression: z.exactOptional(cqlOptions),
}) satisfies z.ZodType<TableOptions, TableOptions>;

const partitionColumns = because("must be a list of at least one column", "Name the columns of the partition key");

/** Shape of a table definition; `tableProblems` checks what joins its parts. */
export const tableSchema = strict({
  keyspace: cqlName,
  name: cqlName,
  columns: z.record(cqlName, columnSchema, because("must be columns by name", "Give { device: { type, body } }")),
  types: z.exactOptional(
    z.record(
      cqlName,
      z.record(cqlName, cqlType, because("must be types of fields by name", 'Give { x: "double" }')),
      because("must be user-defined types by name", 'Give { position: { x: "double" } }'),
    ),
  ),
  partitionKey: z.array(cqlName, partitionColumns).min(1, partitionColumns),
  clusteringKey: z.array(
    strict({ column: cqlName, descending: z.exactOptional(trueOrFalse) }),
    because("must be a list of clustering columns", "Give [{ column }], or [] for none"),
  ),
  timeToLive: z.exactOptional(duration("1s", "7300d")),
  options: z.exactOptional(optionsSchema),
  from: mappingSchema,
  lastWriterPerCell: z.exactOptional(z.boolean(because("must be true or false", "Say whether events share rows"))),
}) satisfies z.ZodType<TableDefinition, TableDefinition>;
