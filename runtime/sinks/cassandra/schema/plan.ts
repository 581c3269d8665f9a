import { addColumn, ColumnKind, createKeyspace, createTable, type ShapeColumn } from "../cql.js";
import { planOptions } from "./options.js";
import type { LiveColumn, LiveSchema, LiveTable, TypeShape, WantedSchema, WantedTable } from "./state.js";
import { addField, alterOption, alterReplication, createType, dropColumn, optionTexts } from "./statements.js";

/** What a change does to what is stored. */
export const ChangeKind = {
  /** Nothing that is stored is lost by it. */
  Additive: "additive",
  /** Something that is stored would be lost. It is made only where it was allowed by its words. */
  Lossy: "lossy",
  /** It cannot be made; the reason says the way out. */
  Refused: "refused",
} as const;
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind];

/** Who cannot do without a change. */
export const Need = {
  /** The worker: without it rows cannot be written. */
  Worker: "worker",
  /** The definition: rows can be written, and the table is not what the pipeline says. */
  Definition: "definition",
  /** Nobody: something is there that the definition does not name. It stays, so that an older release can come back. */
  Nobody: "nobody",
} as const;
export type Need = (typeof Need)[keyof typeof Need];

/** One change of a schema. */
export interface Change {
  kind: ChangeKind;
  need: Need;
  /** What it is, in the words that allow it: `drop column readings.celsius`. */
  what: string;
  /** What must be known before it is made: what is lost, why it cannot be, or what is to be done afterwards. */
  note?: string;
  /** The statement; absent where it cannot be made. */
  statement?: string;
}

/** Which part of a plan a change is: each makes a list of its own, and `planSchema` joins them in the order of dependence. */
const change = {
  add: (need: Need, what: string, statement: string, note?: string): Change => ({
    kind: ChangeKind.Additive,
    need,
    what,
    statement,
    ...(note === undefined ? {} : { note }),
  }),
  lose: (need: Need, what: string, statement: string, note: string): Change => ({
    kind: ChangeKind.Lossy,
    need,
    what,
    statement,
    note,
  }),
  refuse: (need: Need, what: string, note: string): Change => ({ kind: ChangeKind.Refused, need, what, note }),
};

const ANOTHER_TABLE =
  "Define a table under another name with it, let a second pipeline write to that one from a subscription or queue of its " +
  "own beside this one (dual write), copy the old rows, then move the readers and end the first pipeline";

/**
 * What has to be done so that the live schema is the wanted one: first what others depend on, last what loses something.
 * Pure: the same two schemas give the same plan.
 */
export function planSchema(live: LiveSchema, wanted: WantedSchema): Change[] {
  const inKeys = typesInKeys(live);
  const all = [
    ...planReplication(live, wanted),
    ...wanted.types.flatMap((type) => planType(live, wanted.keyspace, type, inKeys)),
    ...wanted.tables.flatMap((table) => planTable(live.tables[table.shape.name], table)),
  ];
  const losing = ({ kind }: Change): boolean => kind === ChangeKind.Lossy;
  return [...all.filter((one) => !losing(one)), ...all.filter(losing)];
}

function planReplication(
  { nodes, replication }: LiveSchema,
  { keyspace, replication: replicas }: WantedSchema,
): Change[] {
  const known = Object.keys(nodes).sort().join(", ");
  const impossible = Object.entries(replicas).flatMap(([datacenter, count]) => {
    const there = nodes[datacenter] ?? 0;
    if (there >= count) return [];
    const what = `replicate ${keyspace} ${count} times in ${datacenter}`;
    return [
      change.refuse(
        Need.Definition,
        what,
        there === 0
          ? `the ring has no datacenter ${datacenter}; it has ${known}. Correct the pipeline's replication`
          : `the datacenter has ${there} ${there === 1 ? "node" : "nodes"}. Lower the pipeline's replication, or add nodes`,
      ),
    ];
  });
  if (impossible.length > 0) return impossible;
  if (replication === undefined)
    return [change.add(Need.Worker, `create keyspace ${keyspace}`, createKeyspace(keyspace, replicas))];
  if (replication.strategy !== "NetworkTopologyStrategy")
    return [
      change.refuse(
        Need.Definition,
        `change the replication of ${keyspace} from ${replication.strategy} to NetworkTopologyStrategy`,
        "rows would be looked for on nodes that do not have them. Change it by hand, one datacenter after the other, each " +
          "with nodetool repair -full",
      ),
    ];
  const found = replication.replicas;
  return [...new Set([...Object.keys(replicas), ...Object.keys(found)])].flatMap((datacenter): Change[] => {
    const [from = 0, to = 0] = [found[datacenter], replicas[datacenter]];
    const { [datacenter]: _, ...others } = found;
    const statement = alterReplication(keyspace, to === 0 ? others : { ...found, [datacenter]: to });
    if (from === to) return [];
    if (from === 0)
      return [
        change.add(
          Need.Definition,
          `replicate ${keyspace} in ${datacenter}, ${to} times`,
          statement,
          `run nodetool rebuild on each node of ${datacenter}: until then rows from before are not found there`,
        ),
      ];
    if (to > from)
      return [
        change.add(
          Need.Definition,
          `raise the replication of ${keyspace} in ${datacenter} from ${from} to ${to}`,
          statement,
          `run nodetool repair -full ${keyspace} on each node of ${datacenter}: until then reads may miss rows from before`,
        ),
      ];
    const what =
      to === 0
        ? `remove the replication of ${keyspace} in ${datacenter}`
        : `lower the replication of ${keyspace} in ${datacenter} from ${from} to ${to}`;
    const lost =
      to === 0
        ? `${datacenter} loses its ${from === 1 ? "replica" : `${from} replicas`} of every row`
        : `every row loses ${from - to} of its replicas there; what only these hold is gone. Run nodetool repair -full ` +
          `${keyspace} first, and nodetool cleanup afterwards`;
    return [change.lose(Need.Definition, what, statement, lost)];
  });
}

/** Names of types that stand in primary keys, whatever holds them. */
function typesInKeys(live: LiveSchema): Set<string> {
  const found = new Set<string>();
  const look = (text: string): void => {
    for (const { name, fields } of live.types) {
      if (found.has(name) || !words(text).includes(name)) continue;
      found.add(name);
      for (const field of fields) look(field.type);
    }
  };
  for (const { columns } of Object.values(live.tables))
    for (const column of columns) if (inKey(column)) look(column.type);
  return found;
}

function words(type: string): string[] {
  return type.match(/\w+/g) ?? [];
}

function planType(live: LiveSchema, keyspace: string, wanted: TypeShape, inKeys: Set<string>): Change[] {
  const { name, fields } = wanted;
  const there = live.types.find((type) => type.name === name);
  if (there === undefined) return [change.add(Need.Worker, `create type ${name}`, createType(keyspace, wanted))];
  const found = new Map(there.fields.map((field) => [field.name, field.type]));
  const surplus = there.fields.filter((field) => !fields.some((one) => one.name === field.name));
  return [
    ...fields.flatMap((field): Change[] => {
      const type = found.get(field.name);
      if (type === field.type) return [];
      const place = `${name}.${field.name}`;
      if (type !== undefined)
        return [
          change.refuse(
            Need.Worker,
            `change type of field ${place} from ${type} to ${field.type}`,
            "Cassandra changes no type. Add a field under another name",
          ),
        ];
      if (inKeys.has(name))
        return [
          change.refuse(
            Need.Worker,
            `add field ${place} ${field.type}`,
            `${name} stands in a primary key: the same values would make another key, and rows from before would not be ` +
              `found. ${ANOTHER_TABLE}`,
          ),
        ];
      return [change.add(Need.Worker, `add field ${place} ${field.type}`, addField({ keyspace, name }, field))];
    }),
    ...surplus.map((field) =>
      change.refuse(
        Need.Nobody,
        `drop field ${name}.${field.name}`,
        "Cassandra drops no field of a type; it stays, unset",
      ),
    ),
  ];
}

function planTable(there: LiveTable | undefined, wanted: WantedTable): Change[] {
  const { shape, options } = wanted;
  const { name } = shape;
  if (there === undefined)
    return [change.add(Need.Worker, `create table ${name}`, createTable(shape, optionTexts(options)))];
  const key = keyChange(there, wanted);
  if (key !== undefined) return [key];
  return [
    ...shape.columns.flatMap((column) => planColumn(there, wanted, column)),
    ...planOptions(there, wanted).map(({ what, option, lost }) =>
      lost === undefined
        ? change.add(Need.Definition, what, alterOption(shape, option))
        : change.lose(Need.Definition, what, alterOption(shape, option), lost),
    ),
    ...there.columns
      .filter((column) => !shape.columns.some((one) => one.name === column.name))
      .map((column) =>
        change.lose(
          Need.Nobody,
          `drop column ${name}.${column.name}`,
          dropColumn(shape, column.name),
          "its values are gone for every reader at once",
        ),
      ),
  ];
}

function inKey({ kind }: Pick<LiveColumn, "kind">): boolean {
  return kind === ColumnKind.Partition || kind === ColumnKind.Clustering;
}

/** The primary key in CQL's words: `(device, day), seq desc`. */
function keyText(columns: LiveColumn[]): string {
  const of = (kind: string): LiveColumn[] =>
    columns.filter((column) => column.kind === kind).sort((a, b) => a.position - b.position);
  const clustering = of(ColumnKind.Clustering).map(({ name, type, order }) => `${name} ${type} ${order}`);
  const partition = of(ColumnKind.Partition).map(({ name, type }) => `${name} ${type}`);
  return [`(${partition.join(", ")})`, ...clustering].join(", ");
}

function keyChange(there: LiveTable, { shape }: WantedTable): Change | undefined {
  const [from, to] = [keyText(there.columns), keyText(shape.columns)];
  if (from === to) return undefined;
  return change.refuse(
    Need.Worker,
    `change the primary key of ${shape.name} from ${from} to ${to}`,
    `a table keeps the key that it was made with. ${ANOTHER_TABLE}`,
  );
}

function planColumn(there: LiveTable, { shape }: WantedTable, column: ShapeColumn): Change[] {
  const { name, type, kind } = column;
  const place = `${shape.name}.${name}`;
  const found = there.columns.find((one) => one.name === name);
  const another = "Give the column another name, or define another table";
  if (found === undefined) return [planNewColumn(there, shape, column)];
  if (found.type !== type)
    return [
      change.refuse(
        Need.Worker,
        `change type of column ${place} from ${found.type} to ${type}`,
        `Cassandra changes no type: what is stored could not be read. ${another}`,
      ),
    ];
  if (found.kind !== kind)
    return [
      change.refuse(
        Need.Worker,
        `change column ${place} from ${found.kind} to ${kind}`,
        `a column stays what it was made as, and events would overwrite each other's value. ${another}`,
      ),
    ];
  return [];
}

function planNewColumn(there: LiveTable, shape: WantedTable["shape"], column: ShapeColumn): Change {
  const { name, type } = column;
  const place = `${shape.name}.${name}`;
  const before = there.dropped.find((one) => one.name === name);
  if (before === undefined) return change.add(Need.Worker, `add column ${place} ${type}`, addColumn(shape, column));
  const since = new Date(before.at).toISOString();
  if (before.type !== type)
    return change.refuse(
      Need.Worker,
      `add column ${place} ${type}`,
      `a column of this name and type ${before.type} was dropped at ${since}, and Cassandra takes it back with that type ` +
        "only. Give it another name",
    );
  return change.lose(
    Need.Worker,
    `add column ${place} ${type} again`,
    addColumn(shape, column),
    `it was dropped at ${since}: values of events from before then are written and never seen. Give it another name`,
  );
}

/** A change as a line: kind, what it is, and what must be known of it. */
export function changeLine({ kind, what, note }: Change): string {
  const allow = kind === ChangeKind.Lossy ? ` Allow it with --allow ${JSON.stringify(what)}.` : "";
  const end = note === undefined ? "" : `: ${note}.${allow}`;
  return `${kind.padEnd(8)}  ${what}${end}`;
}
