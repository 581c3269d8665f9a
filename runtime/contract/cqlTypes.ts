import { ScalarType } from "./table.js";

/** What a CQL type is made of. Everything nested is frozen: one value, written and compared as a whole. */
export type TypeTree =
  | { kind: "scalar"; scalar: ScalarType }
  | { kind: "list" | "set"; element: TypeTree }
  | { kind: "map"; key: TypeTree; value: TypeTree }
  | { kind: "tuple"; elements: TypeTree[] }
  | { kind: "vector"; element: TypeTree; dimension: number }
  | { kind: "udt"; name: string; fields: { name: string; type: TypeTree }[] };

/** The user-defined types that a type may name: fields and their types, by name. */
export type TypeDefinitions = { readonly [name: string]: { readonly [field: string]: string } };

/** Why a text is no type that a column can have, and the way out. */
export class CqlTypeError extends Error {
  constructor(
    readonly reason: string,
    readonly fix: string,
  ) {
    super(`${reason}. ${fix}`);
    this.name = "CqlTypeError";
  }
}

/** Dimensions of a vector (Cassandra 5.0's own limit of 2^13). */
const VECTOR_DIMENSIONS = 8192;
/** How deep types may be nested, and how many a type may be made of: far beyond use, so that no definition is too much to read. */
const DEPTH = 32;
const PARTS = 1000;
const SCALARS: ReadonlySet<string> = new Set(Object.values(ScalarType));
const COLLECTIONS: ReadonlySet<string> = new Set(["list", "set", "map"]);

/** CQL's reserved words, and the names that it keeps for types to come: none names a user-defined type without quotes. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "add allow alter and any apply asc authorize batch begin by columnfamily create default delete desc describe drop " +
    "each_quorum entries execute from full grant if in index infinity inet insert into is keyspace limit local_one " +
    "local_quorum materialized mbean mbeans modify nan norecursive not null of on one or order password primary quorum " +
    "rename replace revoke schema select set table three to token truncate two unlogged unset update use using vector view " +
    "where with byte complex enum interval macaddr bitstring smallint date list map tuple frozen counter varchar"
  ).split(" "),
);

/** Why a name cannot be that of a user-defined type; undefined where it can. */
export function reservedTypeName(name: string): string | undefined {
  return RESERVED.has(name) || SCALARS.has(name) ? "is a word of CQL's own" : undefined;
}

/**
 * Reads a column's type, `frozen<map<text, tuple<int, double>>>`. Throws a CqlTypeError where it is none that a message
 * can be written to again and again with the same result.
 */
export function parseCqlType(text: string, types: TypeDefinitions = {}): TypeTree {
  return new TypeReader(types).column(text);
}

/** A type as `system_schema.columns` writes it, and as DDL may say it: `frozen<list<frozen<tuple<int, text>>>>`. */
export function typeText(type: TypeTree): string {
  switch (type.kind) {
    case "scalar":
      return type.scalar;
    case "list":
    case "set":
      return `frozen<${type.kind}<${typeText(type.element)}>>`;
    case "map":
      return `frozen<map<${typeText(type.key)}, ${typeText(type.value)}>>`;
    case "tuple":
      return `frozen<tuple<${type.elements.map(typeText).join(", ")}>>`;
    case "vector":
      return `vector<${typeText(type.element)}, ${type.dimension}>`;
    case "udt":
      return `frozen<${type.name}>`;
  }
}

/** The types that a type is made of directly. */
export function partsOf(type: TypeTree): TypeTree[] {
  switch (type.kind) {
    case "scalar":
      return [];
    case "list":
    case "set":
    case "vector":
      return [type.element];
    case "map":
      return [type.key, type.value];
    case "tuple":
      return type.elements;
    case "udt":
      return type.fields.map((field) => field.type);
  }
}

/** True where a type, or one that it is made of, answers to the test. */
export function someType(type: TypeTree, test: (type: TypeTree) => boolean): boolean {
  return test(type) || partsOf(type).some((part) => someType(part, test));
}

/** Why a type cannot be that of a key column; undefined where it can. */
export function keyTypeProblem(type: TypeTree): { reason: string; fix: string } | undefined {
  if (someType(type, isDuration))
    return {
      reason: "holds a duration, which has no order: a month is no number of days",
      fix: "Use a bigint of nanoseconds, or keep it out of the primary key",
    };
  if (someType(type, ({ kind }) => kind === "set" || kind === "map"))
    return {
      reason: "holds a set or a map, whose entries have no order of their own: two texts would name one row",
      fix: "Use a tuple, a frozen list or a user-defined type",
    };
  return undefined;
}

function isDuration(type: TypeTree): boolean {
  return type.kind === "scalar" && type.scalar === ScalarType.Duration;
}

/** A type as it is written: a name, and what stands between its angle brackets. */
interface Written {
  name: string;
  /** Undefined where there are no brackets. */
  inner: string[] | undefined;
}

class TypeReader {
  /** User-defined types that are being read: one that comes again would hold itself. */
  private readonly open: string[] = [];
  private parts = 0;

  constructor(private readonly types: TypeDefinitions) {}

  column(text: string): TypeTree {
    return this.read(text, false, 0);
  }

  /** `frozen`: what stands around it freezes it. */
  private read(text: string, frozen: boolean, depth: number): TypeTree {
    if (depth > DEPTH) throw new CqlTypeError(`nests types more than ${DEPTH} deep`, "Make it flatter");
    if (++this.parts > PARTS) throw new CqlTypeError(`is made of more than ${PARTS} types`, "Make it smaller");
    const { name, inner } = written(text);
    if (inner === undefined) return this.named(name, frozen, depth);
    const deeper = (part: string) => this.read(part, true, depth + 1);
    if (name === "frozen") return this.frozen(inner, frozen, depth);
    if (name === "tuple") return { kind: "tuple", elements: inner.map(deeper) };
    if (name === "vector") return this.vector(inner, depth);
    if (!COLLECTIONS.has(name)) throw unknown(text, this.types);
    if (!frozen) throw notFrozen(name, text);
    const [first = "", second = ""] = inner;
    if (inner.length !== (name === "map" ? 2 : 1))
      throw new CqlTypeError(
        `gives ${name} ${inner.length} types`,
        name === "map" ? "Write map<text, double>" : `Write ${name}<text>`,
      );
    if (name === "map") return { kind: "map", key: ordered(deeper(first), "a map's keys"), value: deeper(second) };
    const element = deeper(first);
    return name === "set" ? { kind: "set", element: ordered(element, "a set") } : { kind: "list", element };
  }

  private frozen(inner: string[], frozen: boolean, depth: number): TypeTree {
    const [only = ""] = inner;
    const of = written(only);
    const freezable = COLLECTIONS.has(of.name) || of.name === "tuple" || Object.hasOwn(this.types, of.name);
    if (inner.length !== 1 || (!freezable && (SCALARS.has(of.name) || of.name === "vector" || of.name === "frozen")))
      throw new CqlTypeError(`freezes ${inner.join(", ")}, which is one value anyway`, `Write ${only}`);
    return this.read(only, frozen || freezable, depth);
  }

  private vector(inner: string[], depth: number): TypeTree {
    const [element = "", count = ""] = inner;
    const dimension = /^\d{1,5}$/.test(count) ? Number(count) : 0;
    if (inner.length !== 2 || dimension < 1 || dimension > VECTOR_DIMENSIONS)
      throw new CqlTypeError(
        `is no vector: it needs a type and a dimension from 1 to ${VECTOR_DIMENSIONS}`,
        "Write vector<float, 768>",
      );
    return { kind: "vector", element: this.read(element, true, depth + 1), dimension };
  }

  private named(name: string, frozen: boolean, depth: number): TypeTree {
    const scalar = scalarOf(name);
    if (scalar !== undefined) return { kind: "scalar", scalar };
    const fields = Object.hasOwn(this.types, name) ? this.types[name] : undefined;
    if (fields === undefined) throw unknown(name, this.types);
    if (!frozen)
      throw new CqlTypeError(
        `is a user-defined type that is not frozen: its fields would be written apart, and one row's mixed with another's`,
        `Write frozen<${name}>`,
      );
    if (this.open.includes(name))
      throw new CqlTypeError(`holds itself: ${[...this.open, name].join(" holds ")}`, "Break the circle");
    this.open.push(name);
    const read = Object.entries(fields).map(([field, type]) => ({
      name: field,
      type: this.read(type, true, depth + 1),
    }));
    this.open.pop();
    return { kind: "udt", name, fields: read };
  }
}

function scalarOf(name: string): ScalarType | undefined {
  return Object.values(ScalarType).find((scalar) => scalar === name);
}

/** The type of what has to be compared, or a CqlTypeError. */
function ordered(type: TypeTree, what: string): TypeTree {
  if (someType(type, isDuration))
    throw new CqlTypeError(`has a duration in ${what}, which has no order`, "Use a bigint of nanoseconds");
  return type;
}

function notFrozen(name: string, text: string): CqlTypeError {
  const why =
    name === "list"
      ? "a message that comes twice would append its values twice, at the same timestamp too"
      : "its entries would be written apart, behind a tombstone each time";
  return new CqlTypeError(`is a ${name} that is not frozen: ${why}`, `Write frozen<${text}>`);
}

function unknown(text: string, types: TypeDefinitions): CqlTypeError {
  if (text === "counter")
    return new CqlTypeError(
      "is a counter: it has no timestamp, and a message that comes twice would count twice (CASSANDRA-11368)",
      "Write a row for each event, and count when reading",
    );
  if (text === "varchar") return new CqlTypeError("is text under its second name", "Write text");
  const own = Object.keys(types);
  return new CqlTypeError(
    own.length === 0
      ? `is no CQL type, and the table defines no types`
      : `is no CQL type and none of ${own.join(", ")}`,
    `Use one of ${Object.values(ScalarType).join(", ")}, frozen<list<…>>, frozen<set<…>>, frozen<map<…>>, tuple<…>, ` +
      "vector<…, n>, or define it in types",
  );
}

/** Splits `name<a, b<c, d>>` into its name and what stands between the brackets at the top. */
function written(text: string): Written {
  const trimmed = text.trim();
  const opening = trimmed.indexOf("<");
  if (opening < 0) return { name: trimmed, inner: undefined };
  const parts: string[] = [];
  let depth = 0;
  let start = opening + 1;
  for (let i = opening; i < trimmed.length; i++) {
    const character = trimmed[i];
    if (character === "<") depth++;
    if (character === ">") depth--;
    if ((character === "," && depth === 1) || (character === ">" && depth === 0)) {
      parts.push(trimmed.slice(start, i).trim());
      start = i + 1;
    }
    if (depth === 0 && i < trimmed.length - 1) depth = -1;
    if (depth < 0) break;
  }
  if (depth !== 0) throw new CqlTypeError("has brackets that do not match", "Close each < with one >");
  return { name: trimmed.slice(0, opening).trim(), inner: parts };
}
