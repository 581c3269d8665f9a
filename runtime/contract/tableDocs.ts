import { parseCqlType, type TypeTree, typeText } from "./cqlTypes.js";
import {
  type Column,
  DEFAULT_FUTURE_SKEW,
  gcGraceSeconds,
  MessageField,
  MessageFormat,
  maxAgeSeconds,
  PARTITION_KEY_SEPARATOR,
  type TableDefinition,
  timeToLiveSeconds,
  type ValueSource,
} from "./table.js";
import { partitionEstimate, tableWarnings } from "./tableWarnings.js";

/** What beside the definition the documentation of a table shows. */
export interface TableDocsOptions {
  /** The statements that make the table, as the schema job runs them. @default not shown */
  statements?: readonly string[];
}

/**
 * The documentation of a table, in Markdown: its columns, keys and times, what producers have to send, and an example of it.
 * The table must be one that `tableProblems` finds nothing wrong with.
 */
export function describeTable(table: TableDefinition, { statements = [] }: TableDocsOptions = {}): string {
  const { keyspace, name, options = {} } = table;
  const sections = [
    `# ${keyspace}.${name}`,
    ...(options.comment === undefined ? [] : [options.comment]),
    columnsSection(table),
    ...(table.types === undefined ? [] : [typesSection(table.types)]),
    listSection("Keys", keyLines(table)),
    listSection("Times", timeLines(table)),
    listSection("What producers send", producerLines(table)),
    exampleSection(table),
    ...(statements.length === 0
      ? []
      : [`## Statements\n\n${fenced("sql", statements.map((each) => `${each};`).join("\n"))}`]),
  ];
  return `${sections.join("\n\n")}\n`;
}

function columnsSection(table: TableDefinition): string {
  const rows = Object.entries(table.columns).map(([name, column]) => {
    const needed = keyOf(table, name) !== "" || column.required === true;
    return [
      code(name),
      code(typeText(parseCqlType(column.type, table.types))),
      keyOf(table, name),
      placeOf(column),
      needed ? "yes" : "",
    ];
  });
  return `## Columns\n\n${grid(["column", "type", "key", "value", "required"], rows)}`;
}

function typesSection(types: Exclude<TableDefinition["types"], undefined>): string {
  const rows = Object.entries(types).map(([name, fields]) => [
    code(name),
    Object.entries(fields)
      .map(([field, type]) => code(`${field} ${type}`))
      .join(", "),
  ]);
  return `## Types\n\n${grid(["type", "fields"], rows)}`;
}

function keyOf(table: TableDefinition, name: string): string {
  if (table.partitionKey.includes(name)) return "partition";
  const clustering = table.clusteringKey.find(({ column }) => column === name);
  if (clustering === undefined) return "";
  return clustering.descending === true ? "clustering, descending" : "clustering";
}

/** Where a value comes from, in words. */
function placeOf({ bucket, ...source }: Column): string {
  return bucket === undefined ? sourceOf(source) : `the beginning of the event's ${bucket}, UTC`;
}

function sourceOf({ body, property, attribute, message }: ValueSource): string {
  if (body !== undefined) return `${code(body)} of the body`;
  if (property !== undefined) return `application property ${code(property)}`;
  if (attribute !== undefined) return `the CloudEvent's ${code(attribute)}`;
  return `the message's ${code(message ?? "")}`;
}

function keyLines(table: TableDefinition): string[] {
  const clustering = table.clusteringKey.map(({ column }) => code(column)).join(", ");
  const estimate = partitionEstimate(table);
  const { rate } = table.from;
  return [
    `Partition key: ${table.partitionKey.map(code).join(", ")}.${clustering === "" ? "" : ` Clustering: ${clustering}.`}`,
    table.lastWriterPerCell === true
      ? "Events may share a row: of each cell the event with the latest time wins."
      : "Every event has a row of its own: its id is part of the key.",
    ...(rate === undefined || estimate === undefined || estimate.seconds === Number.POSITIVE_INFINITY
      ? []
      : [
          `At ${rate.rowsPerSecond} rows of ${rate.bytesPerRow} bytes a second a partition holds ` +
            `${Math.round(estimate.bytes / 1e5) / 10} MB.`,
        ]),
    ...tableWarnings(table, `${table.keyspace}.${table.name}`).map(
      ({ reason, fix }) => `**Warning:** ${reason}. ${fix}.`,
    ),
  ];
}

function timeLines(table: TableDefinition): string[] {
  const { from } = table;
  const [timeToLive, maxAge] = [timeToLiveSeconds(table), maxAgeSeconds(table)];
  return [
    `The event's time is ${sourceOf(from.time)}; it is the write's timestamp, so that the order of delivery does not matter.`,
    timeToLive === 0 ? "Rows live for ever." : `A row lives ${table.timeToLive} from its event on.`,
    `An event further ahead than ${from.maxFutureSkew ?? DEFAULT_FUTURE_SKEW} is refused${maxAge === undefined ? "." : `, and one older than ${maxAge} s.`}`,
    ...(from.deletes === undefined
      ? []
      : [
          `A message deletes its row where ${sourceOf(from.deletes)} is ${code(from.deletes.equals)}. Deletions are kept for ` +
            `${gcGraceSeconds(table)} s, within which a repair must run.`,
        ]),
  ];
}

const FORMATS: Record<MessageFormat, string> = {
  [MessageFormat.Json]: "A JSON object in UTF-8.",
  [MessageFormat.CloudEvents]:
    "A CloudEvent 1.0: structured (`application/cloudevents+json`), or binary with its attributes in the application " +
    "properties `cloudEvents:…` and its data, in JSON, as the body.",
  [MessageFormat.Avro]: "One Avro datum in binary, by the schema below.",
  [MessageFormat.AvroSingleObject]: "One Avro datum in single-object encoding, by the schema below.",
};

function producerLines(table: TableDefinition): string[] {
  const needed = Object.values(table.columns).some(({ message }) => message === MessageField.MessageId);
  return [
    FORMATS[table.from.format ?? MessageFormat.Json],
    `A message id${needed ? ", which the table keeps" : ""}: the same for every try at sending the same event.`,
    `As partition key, where the message has one, the text forms of ${table.partitionKey.map(code).join(", ")}, joined by ` +
      `\`${PARTITION_KEY_SEPARATOR}\`; \`stowage/producer\` sets it. Another one is refused.`,
    "A value that is absent or null leaves its column as it is.",
  ];
}

/** A value of each type, as JSON has it. */
function exampleOf(type: TypeTree): unknown {
  switch (type.kind) {
    case "scalar":
      return EXAMPLES[type.scalar];
    case "list":
    case "set":
      return [exampleOf(type.element)];
    case "vector":
      return Array.from({ length: type.dimension }, () => exampleOf(type.element));
    case "map":
      return { [textOf(exampleOf(type.key))]: exampleOf(type.value) };
    case "tuple":
      return type.elements.map(exampleOf);
    case "udt":
      return Object.fromEntries(type.fields.map((field) => [field.name, exampleOf(field.type)]));
  }
}

const EXAMPLES = {
  ascii: "text",
  bigint: "9007199254740993",
  blob: "AAEC",
  boolean: true,
  date: "2026-01-31",
  decimal: "12.50",
  double: 21.5,
  duration: "1h30m",
  float: 21.5,
  inet: "192.0.2.1",
  int: 7,
  smallint: 7,
  text: "text",
  time: "12:30:00",
  timestamp: "2026-01-31T12:30:00.000Z",
  timeuuid: "fe2b4360-28c6-11e2-81c1-0800200c9a66",
  tinyint: 7,
  uuid: "5b6962dd-3f90-4c93-8f61-eabfa4a803e2",
  varint: "12345678901234567890",
} as const;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A message that becomes a row: its body, and what it needs besides. */
export interface ExampleMessage {
  /** The body as an object: of an Avro table the record, of a CloudEvent the whole event. */
  body: object;
  properties: { [name: string]: unknown };
}

/** An example of a message of a table. */
export function exampleMessage(table: TableDefinition): ExampleMessage {
  const cloud = table.from.format === MessageFormat.CloudEvents;
  const data: { [name: string]: unknown } = {};
  const properties: { [name: string]: unknown } = {};
  const attributes: { [name: string]: unknown } = cloud
    ? { specversion: "1.0", id: EXAMPLES.uuid, source: "/example", type: "example.event" }
    : {};
  const put = ({ body, property, attribute }: ValueSource, value: unknown): void => {
    if (body !== undefined) place(data, body.split("."), value);
    if (property !== undefined) properties[property] = textual(value);
    if (attribute !== undefined) attributes[attribute] ??= textual(value);
  };
  for (const column of Object.values(table.columns)) put(column, exampleOf(parseCqlType(column.type, table.types)));
  put(table.from.time, EXAMPLES.timestamp);
  const body = cloud ? { ...attributes, data: listed(data) } : listed(data);
  return { body: Object(body), properties };
}

/** Properties and attributes hold text, numbers and truth values only. */
function textual(value: unknown): unknown {
  return typeof value === "object" ? JSON.stringify(value) : value;
}

function place(into: { [name: string]: unknown }, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    into[key] = value;
    return;
  }
  const inner = into[key];
  const next: { [name: string]: unknown } = typeof inner === "object" && inner !== null ? { ...inner } : {};
  place(next, rest, value);
  into[key] = next;
}

/** Paths name the items of lists by their numbers: what has nothing but numbers for names is a list. */
function listed(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, listed(item)] as const);
  const numbered = entries.length > 0 && entries.every(([name], i) => name === String(i));
  return numbered ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** Items of a list that an example shows. */
const SHOWN_ITEMS = 4;

/** A value as an example shows it: of a long vector its beginning. */
function shortened(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shown = value.slice(0, SHOWN_ITEMS).map(shortened);
    return value.length <= SHOWN_ITEMS ? shown : [...shown, `… ${value.length - SHOWN_ITEMS} more`];
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shortened(item)]));
}

function exampleSection(table: TableDefinition): string {
  const { body, properties } = exampleMessage(table);
  const avro = table.from.schema;
  const schema = typeof avro === "string" ? JSON.parse(avro) : avro;
  return [
    "## Example",
    fenced("json", JSON.stringify(shortened(body), null, 2)),
    ...(Object.keys(properties).length === 0
      ? []
      : [`With the application properties:\n\n${fenced("json", JSON.stringify(properties, null, 2))}`]),
    ...(schema === undefined ? [] : [`By the Avro schema:\n\n${fenced("json", JSON.stringify(schema, null, 2))}`]),
  ].join("\n\n");
}

function listSection(title: string, lines: readonly string[]): string {
  return `## ${title}\n\n${lines.map((line) => `- ${line}`).join("\n")}`;
}

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function code(text: string): string {
  return `\`${text}\``;
}
