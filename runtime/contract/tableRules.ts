import { z } from "zod";
import { type Problem, problem } from "./problems.js";
import { type Column, ColumnType, MessageField, type TableDefinition } from "./table.js";
import { because, integer, oneOf, strict, text } from "./zod.js";

const cqlName = text(
  /^[a-z][a-z0-9_]{0,47}$/,
  "1 to 48 lower-case letters, digits or _, the first a letter",
  "Use a name that CQL needs no quotes for",
);
const bodyPath = text(/^[^.]+(\.[^.]+)*$/, "keys joined by dots", "Give a path such as reading.celsius");

const columnSchema = strict({
  type: oneOf(ColumnType),
  body: z.exactOptional(bodyPath),
  property: z.exactOptional(z.string().min(1, because("must not be empty", "Name the application property"))),
  message: z.exactOptional(oneOf(MessageField)),
  required: z.exactOptional(z.boolean()),
}) satisfies z.ZodType<Column, Column>;

/** Shape of a table definition; `tableProblems` checks what joins its parts. */
export const tableSchema = strict({
  keyspace: cqlName,
  name: cqlName,
  columns: z.record(cqlName, columnSchema),
  partitionKey: z
    .array(cqlName)
    .min(1, because("must have at least one column", "Name the columns of the partition key")),
  clusteringKey: z.array(strict({ column: cqlName, descending: z.exactOptional(z.boolean()) })),
  eventTime: bodyPath,
  timeToLiveSeconds: z.exactOptional(integer(0, 630720000, "seconds")),
}) satisfies z.ZodType<TableDefinition, TableDefinition>;

/** All problems of a table whose parts are right by themselves. */
export function tableProblems(table: TableDefinition, at: string): Problem[] {
  const found: Problem[] = [];
  for (const [name, column] of Object.entries(table.columns)) {
    const sources = [column.body, column.property, column.message].filter((s) => s !== undefined);
    if (sources.length !== 1)
      found.push(
        problem(
          `${at}.columns.${name}`,
          column,
          "must have exactly one of body, property, message",
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
