/** The parts of an Avro schema that say how a datum is read. */
export type AvroType =
  | { kind: AvroPrimitive; logical?: AvroLogical }
  | { kind: "array" | "map"; items: AvroType }
  | { kind: "union"; branches: AvroType[] }
  | AvroNamed;

/** A type that others may name, itself among them. */
export type AvroNamed =
  | { kind: "record"; name: string; fields: { name: string; type: AvroType }[] }
  | { kind: "enum"; name: string; symbols: string[] }
  | { kind: "fixed"; name: string; size: number; logical?: AvroLogical };

export const AVRO_PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] as const;
export type AvroPrimitive = (typeof AVRO_PRIMITIVES)[number];

/** A logical type that is read as what it means. Others are read as the type that they stand on, as Avro says. */
export type AvroLogical =
  | { name: "timestamp-millis" | "timestamp-micros" | "date" | "time-millis" | "time-micros" | "uuid" | "duration" }
  | { name: "decimal"; scale: number };

/** Why a schema cannot be read by, with where: `fields.2.type: …`. */
export class AvroSchemaError extends Error {
  constructor(where: string, why: string) {
    super(where === "" ? why : `${where}: ${why}`);
    this.name = "AvroSchemaError";
  }
}

/** How deep a schema may be nested. */
const DEPTH = 64;
/** Bytes of a `fixed` at most: no message is larger. */
const FIXED_BYTES = 100 * 1024 * 1024;
const NAME = /^[A-Za-z_]\w*$/;
const FULL_NAME = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/**
 * Reads an Avro schema, an object or its JSON text, whose datum is a record. Throws an AvroSchemaError.
 *
 * The project reads Avro by itself: what a decoder must not do here is trust a count in the body, and the one for
 * JavaScript does.
 */
export function parseAvroSchema(schema: object | string): AvroType & { kind: "record" } {
  const type = new SchemaReader().read(jsonOf(schema), "", "", 0);
  if (type.kind !== "record") throw new AvroSchemaError("", `is a schema of ${type.kind}; a message's is a record`);
  return type;
}

/**
 * Fingerprint of a schema as single-object encoding writes it: the CRC-64-AVRO of its canonical form, 8 bytes,
 * the lowest first, as 16 hexadecimal digits.
 */
export function avroFingerprint(schema: object | string): string {
  const text = canonicalForm(jsonOf(schema), "");
  let crc = CRC_EMPTY;
  for (const byte of new TextEncoder().encode(text))
    crc = (crc >> 8n) ^ (crcTable()[Number((crc ^ BigInt(byte)) & 0xffn)] ?? 0n);
  const digits = crc.toString(16).padStart(16, "0");
  return (digits.match(/../g) ?? []).reverse().join("");
}

/** CRC-64-AVRO of nothing, which is its polynomial too (Avro's specification). */
const CRC_EMPTY = 0xc15d213aa4d7a795n;
let table: bigint[] | undefined;

function crcTable(): bigint[] {
  table ??= Array.from({ length: 256 }, (_, byte) => {
    let crc = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? CRC_EMPTY : 0n);
    return crc;
  });
  return table;
}

function jsonOf(schema: object | string): unknown {
  if (typeof schema !== "string") return schema;
  try {
    return JSON.parse(schema);
  } catch {
    throw new AvroSchemaError("", "is no JSON");
  }
}

/** The form that two equal schemas share: full names, no documentation, no defaults, a fixed order of keys. */
function canonicalForm(schema: unknown, space: string): string {
  if (typeof schema === "string") return JSON.stringify(isPrimitive(schema) ? schema : fullName(schema, space));
  if (Array.isArray(schema)) return `[${schema.map((branch) => canonicalForm(branch, space)).join(",")}]`;
  const { type, name, namespace, fields, symbols, items, values, size } = attributes(schema);
  if (typeof type !== "string") return canonicalForm(type, space);
  if (isPrimitive(type)) return JSON.stringify(type);
  if (type === "array") return `{"type":"array","items":${canonicalForm(items, space)}}`;
  if (type === "map") return `{"type":"map","values":${canonicalForm(values, space)}}`;
  const full = fullName(String(name), namespace === undefined ? space : String(namespace));
  const head = `{"name":${JSON.stringify(full)},"type":${JSON.stringify(type === "error" ? "error" : type)}`;
  if (type === "enum") return `${head},"symbols":${JSON.stringify(symbols)}}`;
  if (type === "fixed") return `${head},"size":${Number(size)}}`;
  const inner = spaceOf(full);
  const list = listOf(fields).map((field) => {
    const { name: fieldName, type: fieldType } = attributes(field);
    return `{"name":${JSON.stringify(fieldName)},"type":${canonicalForm(fieldType, inner)}}`;
  });
  return `${head},"fields":[${list.join(",")}]}`;
}

class SchemaReader {
  private readonly named = new Map<string, AvroNamed>();

  read(schema: unknown, space: string, where: string, depth: number): AvroType {
    if (depth > DEPTH) throw new AvroSchemaError(where, `is nested more than ${DEPTH} deep`);
    if (typeof schema === "string") return this.reference(schema, space, where);
    if (Array.isArray(schema)) return this.union(schema, space, where, depth);
    if (typeof schema !== "object" || schema === null) throw new AvroSchemaError(where, "is no schema");
    const { type, items, values } = attributes(schema);
    if (typeof type !== "string") return this.read(type, space, at(where, "type"), depth + 1);
    if (isPrimitive(type)) return primitive(type, schema);
    if (type === "array") return { kind: "array", items: this.read(items, space, at(where, "items"), depth + 1) };
    if (type === "map") return { kind: "map", items: this.read(values, space, at(where, "values"), depth + 1) };
    if (type === "record" || type === "error" || type === "enum" || type === "fixed")
      return this.define(type, schema, space, where, depth);
    return this.reference(type, space, where);
  }

  private reference(name: string, space: string, where: string): AvroType {
    if (isPrimitive(name)) return { kind: name };
    const found = this.named.get(fullName(name, space));
    if (found === undefined) throw new AvroSchemaError(where, `names ${name}, which is not defined before`);
    return found;
  }

  private union(branches: unknown[], space: string, where: string, depth: number): AvroType {
    if (branches.length === 0) throw new AvroSchemaError(where, "is a union of nothing");
    const read = branches.map((branch, i) => {
      if (Array.isArray(branch)) throw new AvroSchemaError(at(where, i), "is a union in a union");
      return this.read(branch, space, at(where, i), depth + 1);
    });
    const kinds = read.map((branch) => ("name" in branch ? branch.name : branch.kind));
    const twice = kinds.find((kind, i) => kinds.indexOf(kind) !== i);
    if (twice !== undefined) throw new AvroSchemaError(where, `has two branches of ${twice}`);
    return { kind: "union", branches: read };
  }

  private define(
    type: "record" | "error" | "enum" | "fixed",
    schema: object,
    space: string,
    where: string,
    depth: number,
  ): AvroType {
    const { name, namespace, fields, symbols, size } = attributes(schema);
    if (typeof name !== "string" || !FULL_NAME.test(name)) throw new AvroSchemaError(where, "has no valid name");
    const full = fullName(name, typeof namespace === "string" ? namespace : space);
    if (this.named.has(full)) throw new AvroSchemaError(where, `defines ${full} a second time`);
    if (type === "enum") {
      const names = listOf(symbols);
      if (!names.every((symbol): symbol is string => typeof symbol === "string" && NAME.test(symbol)))
        throw new AvroSchemaError(at(where, "symbols"), "must be a list of names");
      return this.keep({ kind: "enum", name: full, symbols: names });
    }
    if (type === "fixed") {
      if (!isCount(size) || size > FIXED_BYTES)
        throw new AvroSchemaError(at(where, "size"), `must be a whole number from 0 to ${FIXED_BYTES}`);
      const logical = logicalOf("fixed", schema, size);
      return this.keep({ kind: "fixed", name: full, size, ...(logical === undefined ? {} : { logical }) });
    }
    if (!Array.isArray(fields)) throw new AvroSchemaError(at(where, "fields"), "must be a list");
    const record: AvroNamed & { kind: "record" } = { kind: "record", name: full, fields: [] };
    // Known before its fields are: one of them may name it.
    this.keep(record);
    for (const [i, field] of fields.entries()) {
      const { name: fieldName, type: fieldType } = attributes(field);
      const here = at(where, `fields.${i}`);
      if (typeof fieldName !== "string" || !NAME.test(fieldName)) throw new AvroSchemaError(here, "has no valid name");
      if (record.fields.some((other) => other.name === fieldName))
        throw new AvroSchemaError(here, `is a second field ${fieldName}`);
      record.fields.push({ name: fieldName, type: this.read(fieldType, spaceOf(full), at(here, "type"), depth + 1) });
    }
    return record;
  }

  private keep(type: AvroNamed): AvroNamed {
    this.named.set(type.name, type);
    return type;
  }
}

function primitive(kind: AvroPrimitive, schema: object): AvroType {
  const logical = logicalOf(kind, schema);
  return logical === undefined ? { kind } : { kind, logical };
}

/** The types that each logical type may stand on. On another one it is ignored, as Avro's specification says. */
const LOGICAL: { readonly [name: string]: readonly string[] } = {
  "timestamp-millis": ["long"],
  "timestamp-micros": ["long"],
  date: ["int"],
  "time-millis": ["int"],
  "time-micros": ["long"],
  uuid: ["string"],
  duration: ["fixed"],
  decimal: ["bytes", "fixed"],
};
/** Bytes of a duration: months, days and milliseconds, four each. */
const DURATION_BYTES = 12;

function logicalOf(kind: string, schema: object, size?: number): AvroLogical | undefined {
  const { logicalType, scale = 0 } = attributes(schema);
  if (typeof logicalType !== "string" || LOGICAL[logicalType]?.includes(kind) !== true) return undefined;
  if (logicalType === "decimal") return isCount(scale) ? { name: "decimal", scale } : undefined;
  if (logicalType === "duration" && size !== DURATION_BYTES) return undefined;
  return { name: logicalType as Exclude<AvroLogical["name"], "decimal"> };
}

/** What a schema's object may say; each is checked where it is used. */
function attributes(value: unknown): {
  type?: unknown;
  name?: unknown;
  namespace?: unknown;
  fields?: unknown;
  symbols?: unknown;
  items?: unknown;
  values?: unknown;
  size?: unknown;
  logicalType?: unknown;
  scale?: unknown;
} {
  return typeof value === "object" && value !== null ? value : {};
}

function isPrimitive(name: string): name is AvroPrimitive {
  return (AVRO_PRIMITIVES as readonly string[]).includes(name);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function fullName(name: string, space: string): string {
  return name.includes(".") || space === "" ? name : `${space}.${name}`;
}

function spaceOf(full: string): string {
  return full.slice(0, Math.max(0, full.lastIndexOf(".")));
}

function at(where: string, part: string | number): string {
  return where === "" ? String(part) : `${where}.${part}`;
}

/** True where a datum of the schema can have a value at the path: keys joined by dots, items by their number. */
export function avroHasPath(type: AvroType, path: readonly string[]): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return true;
  switch (type.kind) {
    case "record": {
      const field = type.fields.find(({ name }) => name === key);
      return field !== undefined && avroHasPath(field.type, rest);
    }
    case "array":
      return /^\d+$/.test(key) && avroHasPath(type.items, rest);
    case "map":
      return avroHasPath(type.items, rest);
    case "union":
      return type.branches.some((branch) => avroHasPath(branch, path));
    default:
      return false;
  }
}
