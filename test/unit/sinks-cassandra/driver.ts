import { createRequire } from "node:module";
import { types } from "cassandra-driver";
import { ScalarType, type TypeTree } from "../../../runtime/contract/index.js";

/** A type in the driver's own words. */
type ColumnInfo = { code: number; info: unknown; customTypeName?: string };
/** What of the driver's encoder is used; its declaration has no more than a constructor. */
interface DriverEncoder {
  encode(value: unknown, type: ColumnInfo): Buffer;
  decode(bytes: Buffer, type: ColumnInfo): unknown;
  setRoutingKeyFromUser(
    params: unknown[],
    options: { getRoutingKey(): Buffer[]; setRoutingKey(key: Buffer): void },
  ): void;
}

const encoders: unknown = Reflect.get(createRequire(__filename)("cassandra-driver"), "Encoder");
if (typeof encoders !== "function") throw new Error("the driver exports no Encoder");
const PROTOCOL_V5 = 5;
const { dataTypes } = types;

/** The driver's own encoder, which knows nothing of ours: what is decoded by it is what a reader sees. */
export const driver: DriverEncoder = Reflect.construct(encoders, [
  PROTOCOL_V5,
  { encoding: { useBigIntAsLong: true, useBigIntAsVarint: true, map: Map } },
]);

const SCALARS: Record<Exclude<ScalarType, "duration">, number> = {
  ascii: dataTypes.ascii,
  bigint: dataTypes.bigint,
  blob: dataTypes.blob,
  boolean: dataTypes.boolean,
  date: dataTypes.date,
  decimal: dataTypes.decimal,
  double: dataTypes.double,
  float: dataTypes.float,
  inet: dataTypes.inet,
  int: dataTypes.int,
  smallint: dataTypes.smallint,
  text: dataTypes.text,
  time: dataTypes.time,
  timestamp: dataTypes.timestamp,
  timeuuid: dataTypes.timeuuid,
  tinyint: dataTypes.tinyint,
  uuid: dataTypes.uuid,
  varint: dataTypes.varint,
};

/** A type as the driver describes it. */
export function driverType(type: TypeTree): ColumnInfo {
  switch (type.kind) {
    case "scalar":
      return type.scalar === ScalarType.Duration
        ? { code: dataTypes.custom, info: "org.apache.cassandra.db.marshal.DurationType" }
        : { code: SCALARS[type.scalar], info: null };
    case "list":
      return { code: dataTypes.list, info: driverType(type.element) };
    case "set":
      return { code: dataTypes.set, info: driverType(type.element) };
    case "map":
      return { code: dataTypes.map, info: [driverType(type.key), driverType(type.value)] };
    case "tuple":
      return { code: dataTypes.tuple, info: type.elements.map(driverType) };
    case "vector":
      return { code: dataTypes.custom, info: [driverType(type.element), type.dimension], customTypeName: "vector" };
    case "udt": {
      const fields = type.fields.map((field) => ({ name: field.name, type: driverType(field.type) }));
      return { code: dataTypes.udt, info: { name: type.name, fields } };
    }
  }
}

/** A value that the driver decoded, in a form in which two equal ones are the same text. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Buffer.isBuffer(value)) return `0x${value.toString("hex")}`;
  if (value instanceof Date) return `@${value.getTime()}`;
  if (value instanceof types.InetAddress) return `0x${value.getBuffer().toString("hex")}`;
  if (value instanceof types.Tuple) return list(value.values());
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${shown(key)}:${shown(item)}`).join(",")}}`;
  if (Array.isArray(value) || value instanceof types.Vector) return list([...value]);
  const own: unknown = Object.getPrototypeOf(value);
  if (own === Object.prototype)
    return `{${Object.entries(value)
      .map(([name, item]) => `${JSON.stringify(name)}:${shown(item)}`)
      .join(",")}}`;
  return String(value);
}

function list(items: readonly unknown[]): string {
  return `[${items.map(shown).join(",")}]`;
}

/** What a reader sees in a cell. */
export function readBack(type: TypeTree, bytes: Buffer): string {
  return shown(driver.decode(bytes, driverType(type)));
}

/** The bytes of a partition's token, as the driver makes them of the encoded values of its key. */
export function driverRoutingKey(values: readonly Buffer[]): Buffer {
  let key: Buffer = Buffer.alloc(0);
  driver.setRoutingKeyFromUser([], {
    getRoutingKey: () => [...values],
    setRoutingKey: (made) => {
      key = made;
    },
  });
  return key;
}
