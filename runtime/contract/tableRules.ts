import { AvroSchemaError, type AvroType, avroHasPath, parseAvroSchema } from "./avroSchema.js";
import { CqlTypeError, keyTypeProblem, parseCqlType, reservedTypeName, type TypeTree } from "./cqlTypes.js";
import { durationSeconds } from "./duration.js";
import { ATTEMPTS_PROPERTY, ORIGINAL_ID_PROPERTY, REPLAYS_PROPERTY, RETURNS_PROPERTY } from "./message.js";
import { type Problem, problem } from "./problems.js";
import {
  type Column,
  DEFAULT_GC_GRACE,
  gcGraceSeconds,
  MessageField,
  MessageFormat,
  ScalarType,
  type TableDefinition,
  TimeBucket,
  type ValueSource,
} from "./table.js";

/** The formats whose body is read by a schema. */
const AVRO: ReadonlySet<MessageFormat> = new Set([MessageFormat.Avro, MessageFormat.AvroSingleObject]);
/** Properties that Stowage itself changes when it sends a message again. */
const OWN_PROPERTIES: ReadonlySet<string> = new Set([
  ATTEMPTS_PROPERTY,
  ORIGINAL_ID_PROPERTY,
  REPLAYS_PROPERTY,
  RETURNS_PROPERTY,
]);

const CASSANDRAS_OWN = /^system(_|$)/;

/** All problems of a table whose parts are right by themselves. */
export function tableProblems(table: TableDefinition, at: string): Problem[] {
  return [
    ...keyspaceProblems(table, at),
    ...typeProblems(table, at),
    ...Object.entries(table.columns).flatMap(([name, column]) =>
      columnProblems(table, column, `${at}.columns.${name}`),
    ),
    ...keyProblems(table, at),
    ...mappingProblems(table, `${at}.from`),
    ...(table.from.deletes === undefined ? [] : deletionProblems(table, at)),
  ];
}

/** Jobs make a pipeline's keyspace as a superuser: its replication, and rights on its tables, must be nobody else's. */
function keyspaceProblems({ keyspace }: TableDefinition, at: string): Problem[] {
  if (!CASSANDRAS_OWN.test(keyspace)) return [];
  const fix = "Name a keyspace of your own";
  return [problem(`${at}.keyspace`, keyspace, "is a keyspace of Cassandra's own: system, system_…", fix)];
}

/** A column's type; a problem where it has none. */
function typeOf(text: string, table: TableDefinition, path: string): TypeTree | Problem {
  try {
    return parseCqlType(text, table.types);
  } catch (error) {
    if (error instanceof CqlTypeError) return problem(path, text, error.reason, error.fix);
    throw error;
  }
}

function typeProblems(table: TableDefinition, at: string): Problem[] {
  return Object.entries(table.types ?? {}).flatMap(([name, fields]) => {
    const path = `${at}.types.${name}`;
    const reserved = reservedTypeName(name);
    if (reserved !== undefined) return [problem(path, name, reserved, "Give the type another name")];
    if (Object.keys(fields).length === 0) return [problem(path, fields, "has no fields", "Give it at least one field")];
    const type = typeOf(`frozen<${name}>`, table, path);
    return "path" in type ? [type] : [];
  });
}

function columnProblems(table: TableDefinition, column: Column, path: string): Problem[] {
  const { body, property, attribute, message, bucket } = column;
  const found: Problem[] = [];
  if ([body, property, attribute, message, bucket].filter((source) => source !== undefined).length !== 1)
    found.push(
      problem(
        path,
        column,
        "must have exactly one of body, property, attribute, message, bucket",
        "Say where its value comes from",
      ),
    );
  const type = typeOf(column.type, table, `${path}.type`);
  if ("path" in type) found.push(type);
  if (bucket !== undefined) found.push(...bucketProblems(column, `${path}.type`));
  return [...found, ...sourceProblems(table, column, path)];
}

function bucketProblems({ type, bucket }: Column, path: string): Problem[] {
  if (type === ScalarType.Timestamp || (type === ScalarType.Date && bucket !== TimeBucket.Hour)) return [];
  return [
    problem(
      path,
      type,
      bucket === TimeBucket.Hour
        ? "must be timestamp for a bucket of an hour"
        : "must be timestamp or date for a bucket",
      "Use timestamp",
    ),
  ];
}

/** What a place in the message needs of the format. */
function sourceProblems({ from }: TableDefinition, { attribute, body }: ValueSource, path: string): Problem[] {
  const { format = MessageFormat.Json, schema } = from;
  if (attribute !== undefined && format !== MessageFormat.CloudEvents)
    return [
      problem(`${path}.attribute`, attribute, `goes with format "cloudevents", not ${format}`, "Name another place"),
    ];
  if (body === undefined || schema === undefined || !AVRO.has(format)) return [];
  const type = schemaOf(schema);
  if (type === undefined || avroHasPath(type, body.split("."))) return [];
  return [problem(`${path}.body`, body, "is no path of the Avro schema", "Name a field of the schema")];
}

function keyProblems(table: TableDefinition, at: string): Problem[] {
  const found: Problem[] = [];
  const seen = new Set<string>();
  for (const { column: name, path } of keysOf(table, at)) {
    const column = columnOf(table, name);
    if (column === undefined)
      found.push(
        problem(path, name, "is not a column of the table", `Use one of ${Object.keys(table.columns).join(", ")}`),
      );
    else found.push(...keyColumnProblems(table, name, column, path));
    if (seen.has(name)) found.push(problem(path, name, "stands twice in the primary key", "Remove one"));
    seen.add(name);
  }
  if (table.lastWriterPerCell !== true && !keysOf(table, at).some(({ column }) => isEventId(columnOf(table, column))))
    found.push(
      problem(
        `${at}.clusteringKey`,
        table.clusteringKey,
        "does not hold the event's id: two events with one key and one time would be mixed cell by cell",
        "Add a column of the message's id (message: messageId), or of a CloudEvent's (attribute: id), to the key; where events " +
          "are meant to share a row, say lastWriterPerCell: true",
      ),
    );
  return found;
}

function keyColumnProblems(table: TableDefinition, name: string, column: Column, path: string): Problem[] {
  const found: Problem[] = [];
  const type = typeOf(column.type, table, path);
  const unfit = "path" in type ? undefined : keyTypeProblem(type);
  if (unfit !== undefined) found.push(problem(path, `${name} ${column.type}`, unfit.reason, unfit.fix));
  if (column.message === MessageField.EnqueuedTime)
    found.push(
      problem(
        path,
        name,
        "is the time at which the entity took the message: a replay takes it anew, and would write a second row",
        "Use the event's own time",
      ),
    );
  if (column.property !== undefined && OWN_PROPERTIES.has(column.property))
    found.push(problem(path, name, "is a property that changes when the message is sent again", "Use another one"));
  return found;
}

function keysOf(table: TableDefinition, at: string): { column: string; path: string }[] {
  return [
    ...table.partitionKey.map((column, i) => ({ column, path: `${at}.partitionKey.${i}` })),
    ...table.clusteringKey.map(({ column }, i) => ({ column, path: `${at}.clusteringKey.${i}.column` })),
  ];
}

/** A column by its name; what every object inherits, `constructor`, is none. */
function columnOf({ columns }: TableDefinition, name: string): Column | undefined {
  return Object.hasOwn(columns, name) ? columns[name] : undefined;
}

function isEventId(column: Column | undefined): boolean {
  return column !== undefined && (column.message === MessageField.MessageId || column.attribute === "id");
}

function mappingProblems(table: TableDefinition, at: string): Problem[] {
  const { format = MessageFormat.Json, schema, time, deletes, maxAge } = table.from;
  const found: Problem[] = [];
  if (AVRO.has(format) !== (schema !== undefined))
    found.push(
      problem(
        `${at}.schema`,
        schema,
        schema === undefined ? `is missing; the format is ${format}` : `goes with the Avro formats, not ${format}`,
        schema === undefined ? "Give the Avro schema of the body" : "Remove it",
      ),
    );
  else if (schema !== undefined) found.push(...schemaProblems(schema, `${at}.schema`));
  if (sourcesOf(time) !== 1)
    found.push(
      problem(
        `${at}.time`,
        time,
        "must have exactly one of body, property, attribute",
        "Say where the event's time is",
      ),
    );
  found.push(...sourceProblems(table, time, `${at}.time`));
  if (deletes === undefined) return found;
  if (sourcesOf(deletes) !== 1)
    found.push(
      problem(
        `${at}.deletes`,
        deletes,
        "must have exactly one of body, property, attribute, message",
        "Say what makes a message a deletion",
      ),
    );
  found.push(...sourceProblems(table, deletes, `${at}.deletes`));
  if (maxAge !== undefined && durationSeconds(maxAge) > gcGraceSeconds(table))
    found.push(
      problem(
        `${at}.maxAge`,
        maxAge,
        `must be at most options.gcGrace, ${table.options?.gcGrace ?? DEFAULT_GC_GRACE}: a write that is older could bring ` +
          "back a row whose tombstone is gone",
        "Lower it, or raise gcGrace and see that repairs run within it",
      ),
    );
  return found;
}

function sourcesOf({ body, property, attribute, message }: ValueSource): number {
  return [body, property, attribute, message].filter((source) => source !== undefined).length;
}

function schemaOf(schema: object | string): AvroType | undefined {
  try {
    return parseAvroSchema(schema);
  } catch {
    return undefined;
  }
}

function schemaProblems(schema: object | string, path: string): Problem[] {
  try {
    parseAvroSchema(schema);
    return [];
  } catch (error) {
    if (error instanceof AvroSchemaError) return [problem(path, schema, error.message, "Give a valid Avro schema")];
    throw error;
  }
}

/** A deletion finds its row by the primary key alone: no part of it may be the deleting message's own. */
function deletionProblems(table: TableDefinition, at: string): Problem[] {
  return keysOf(table, at).flatMap(({ column: name, path }) => {
    const column = columnOf(table, name);
    if (column === undefined) return [];
    if (isEventId(column))
      return [
        problem(
          path,
          name,
          "is the event's id: a deletion has an id of its own, and would find no row",
          "Key the rows by what they are about, with lastWriterPerCell: true",
        ),
      ];
    if (column.bucket !== undefined)
      return [
        problem(
          path,
          name,
          "is a bucket of the event's time: a deletion has a time of its own, and would look in another bucket",
          "Let the producer say the bucket in the body",
        ),
      ];
    if (sameSource(column, table.from.time))
      return [
        problem(
          path,
          name,
          "is the event's time: the deletion of such a row has the row's own time, and need not win over it",
          "Give the event's time a place of its own",
        ),
      ];
    return [];
  });
}

function sameSource(a: ValueSource, b: ValueSource): boolean {
  return a.body === b.body && a.property === b.property && a.attribute === b.attribute && a.message === b.message;
}
