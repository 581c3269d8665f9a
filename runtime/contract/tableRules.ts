import { z } from "zod";
import { type Problem, problem } from "./problems.js";
import {
  type Column,
  MessageField,
  MessageFormat,
  type MessageMapping,
  ScalarType,
  type TableDefinition,
  type TableOptions,
  TimeBucket,
} from "./table.js";
import { because, duration, oneOf, strict, text } from "./zod.js";

const cqlName = text(
  /^[a-z][a-z0-9_]{0,47}$/,
  "1 to 48 lower-case letters, digits or _, the first a letter",
  "Use a name that CQL needs no quotes for",
);
const bodyPath = text(/^[^.]+(\.[^.]+)*$/, "keys joined by dots", "Give a path such as reading.celsius");

const sources = {
  body: z.exactOptional(bodyPath),
  property: z.exactOptional(z.string().min(1, because("must not be empty", "Name the application property"))),
  attribute: z.exactOptional(
    text(/^[a-z0-9]{1,40}$/, "1 to 40 lower-case letters or digits", "Name an attribute of the CloudEvent"),
  ),
};

const columnSchema = strict({
  type: oneOf(ScalarType),
  ...sources,
  message: z.exactOptional(oneOf(MessageField)),
  bucket: z.exactOptional(oneOf(TimeBucket)),
  required: z.exactOptional(z.boolean()),
}) satisfies z.ZodType<Column, Column>;

const mappingSchema = strict({
  format: z.exactOptional(oneOf(MessageFormat)),
  schema: z.exactOptional(z.union([z.string(), z.record(z.string(), z.unknown())])),
  time: strict(sources),
  maxFutureSkew: z.exactOptional(duration("0s", "1d")),
  maxAge: z.exactOptional(duration("1s", "7300d")),
  deletes: z.exactOptional(strict({ ...sources, message: z.exactOptional(oneOf(MessageField)), equals: z.string() })),
  rate: z.exactOptional(
    strict({
      rowsPerSecond: z.number().positive(because("must be above 0", "Give the rows a second of one partition key")),
      bytesPerRow: z.number().min(1, because("must be at least 1", "Give the bytes of a row")),
    }),
  ),
}) satisfies z.ZodType<MessageMapping, MessageMapping>;

const optionsSchema = strict({
  comment: z.exactOptional(z.string()),
  gcGrace: z.exactOptional(duration("1h", "1000d")),
  compaction: z.exactOptional(z.record(z.string(), z.string())),
  compression: z.exactOptional(z.record(z.string(), z.string())),
}) satisfies z.ZodType<TableOptions, TableOptions>;

/** Shape of a table definition; `tableProblems` checks what joins its parts. */
export const tableSchema = strict({
  keyspace: cqlName,
  name: cqlName,
  columns: z.record(cqlName, columnSchema),
  partitionKey: z
    .array(cqlName)
    .min(1, because("must have at least one column", "Name the columns of the partition key")),
  clusteringKey: z.array(strict({ column: cqlName, descending: z.exactOptional(z.boolean()) })),
  timeToLive: z.exactOptional(duration("1s", "7300d")),
  options: z.exactOptional(optionsSchema),
  from: mappingSchema,
  lastWriterPerCell: z.exactOptional(z.boolean(because("must be true or false", "Say whether events share rows"))),
}) satisfies z.ZodType<TableDefinition, TableDefinition>;

/** All problems of a table whose parts are right by themselves. */
export function tableProblems(table: TableDefinition, at: string): Problem[] {
  const found: Problem[] = [];
  for (const [name, column] of Object.entries(table.columns)) {
    const { body, property, attribute, message, bucket } = column;
    if ([body, property, attribute, message, bucket].filter((source) => source !== undefined).length !== 1)
      found.push(
        problem(
          `${at}.columns.${name}`,
          column,
          "must have exactly one of body, property, attribute, message, bucket",
          "Say where its value comes from",
        ),
      );
  }
  const keys = [
    ...table.partitionKey.map((column, i) => ({ column, path: `${at}.partitionKey.${i}` })),
    ...table.clusteringKey.map(({ column }, i) => ({ column, path: `${at}.clusteringKey.${i}.column` })),
  ];
  const seen = new Set<string>();
  for (const { column, path } of keys) {
    const known = table.columns[column];
    if (known === undefined)
      found.push(
        problem(path, column, "is not a column of the table", `Use one of ${Object.keys(table.columns).join(", ")}`),
      );
    if (seen.has(column)) found.push(problem(path, column, "stands twice in the primary key", "Remove one"));
    seen.add(column);
  }
  return found;
}
