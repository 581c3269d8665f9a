import { types } from "cassandra-driver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCqlType, type ScalarType, type TableDefinition } from "../../../runtime/contract/index.js";
import { codecOf } from "../../../runtime/sinks/cassandra/structures.js";
import { driver, driverType, readBack } from "./driver.js";
import { cellsOf, message, tableOf } from "./kit.js";

const DEFINED: Exclude<TableDefinition["types"], undefined> = {
  position: { lat: "double", lon: "double", label: "text" },
  trip: { at: "frozen<list<timestamp>>" },
};
const treeOf = (type: string) => parseCqlType(type, DEFINED);

/** What a reader sees of a value that was sent as this JSON in a column of this type. */
function stored(type: string, json: string): string {
  const table = { ...tableOf("text"), types: DEFINED };
  const columns = { ...table.columns, value: { type: type as "text", body: "value" } };
  const cells = cellsOf({ ...table, columns }, message(`{"id":"x","at":0,"value":${json}}`));
  if (cells["reason"] !== undefined) return cells["reason"];
  const codec = codecOf(treeOf(type));
  return cells["value"] === "unset" ? "unset" : readBack(treeOf(type), codec.fromText(cells["value"] ?? ""));
}

/** The bytes of a value, as hexadecimal digits. */
const bytesOf = (type: string, value: unknown) => codecOf(treeOf(type)).encode(value).toString("hex");

describe("the limits of every type", () => {
  it.each<[type: string, json: string, read: string]>([
    ["tinyint", "-128", "-128"],
    ["tinyint", "127", "127"],
    ["smallint", "-32768", "-32768"],
    ["smallint", "32767", "32767"],
    ["int", "-2147483648", "-2147483648"],
    ["int", "2147483647", "2147483647"],
    ["bigint", "-9223372036854775808", "-9223372036854775808"],
    ["bigint", "9223372036854775807", "9223372036854775807"],
    ["varint", "0", "0"],
    ["varint", "-1", "-1"],
    ["varint", "128", "128"],
    ["varint", "-129", "-129"],
    ["varint", `-1${"0".repeat(999)}`, `-1${"0".repeat(999)}`],
    ["decimal", "0.00", "0.00"],
    ["decimal", `-0.${"0".repeat(48)}1`, `-0.${"0".repeat(48)}1`],
    ["decimal", "9".repeat(50), "9".repeat(50)],
    ["float", "3.4028234663852886e38", "3.4028234663852886e+38"],
    ["float", "1e-45", "1.401298464324817e-45"],
    ["float", '"-Infinity"', "-Infinity"],
    ["double", "1.7976931348623157e308", "1.7976931348623157e+308"],
    ["double", "-5e-324", "-5e-324"],
    ["double", "-0.0", "-0"],
    ["double", '"NaN"', "NaN"],
    ["boolean", "true", "true"],
    ["boolean", "false", "false"],
    ["text", '""', '""'],
    ["text", '"\\u0000\\ud83d\\ude00"', '"\\u0000😀"'],
    ["ascii", '""', '""'],
    ["blob", '""', "0x"],
    ["blob", '"AP8="', "0x00ff"],
    ["uuid", '"00000000-0000-0000-0000-000000000000"', "00000000-0000-0000-0000-000000000000"],
    ["uuid", '"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"', "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    ["timeuuid", '"00000000-0000-1000-8080-808080808080"', "00000000-0000-1000-8080-808080808080"],
    ["inet", '"255.255.255.255"', "0xffffffff"],
    ["inet", '"::"', `0x${"00".repeat(16)}`],
    ["inet", '"64:ff9b::192.0.2.33"', "0x0064ff9b0000000000000000c0000221"],
    ["timestamp", '"1969-12-31T23:59:59.999Z"', "@-1"],
    ["timestamp", '"-271821-04-20T00:00:00Z"', "@-8640000000000000"],
    ["timestamp", "8640000000000000", "@8640000000000000"],
    ["timestamp", "8640000000000001", "InvalidValue"],
    ["date", '"1969-12-31"', "1969-12-31"],
    ["date", '"0000-02-29"', "0000-02-29"],
    ["date", '"-5877641-06-23"', "-2147483648"],
    ["date", '"+5881580-07-11"', "2147483647"],
    ["date", '"+5881580-07-12"', "InvalidValue"],
    ["time", '"00:00:00"', "00:00:00"],
    ["time", '"23:59:59.999999999"', "23:59:59.999999999"],
    ["duration", '"0d"', "0d"],
    ["duration", '"1y2mo3w4d5h6m7s8ms9us10ns"', "1y2mo25d5h6m7s8ms9us10ns"],
    ["duration", '"-P1Y2M3DT4H5M6.000000007S"', "-1y2mo3d4h5m6s7ns"],
    ["duration", '"11mo2147483647d9223372036854775807ns"', "11mo2147483647d2562047h47m16s854ms775us807ns"],
    ["duration", '"178956970y8mo"', "InvalidValue"],
    ["duration", '"9223372036854775808ns"', "InvalidValue"],
    ["duration", '"P"', "InvalidValue"],
    ["duration", '""', "InvalidValue"],
    ["duration", '"PT"', "InvalidValue"],
    ["duration", '"1d1y"', "InvalidValue"],
  ])("%s: %s is read as %s", (type, json, read) => {
    // The driver drops the zero that it would have to write before a unit; it prints a duration of nothing as nothing.
    expect(stored(type, json).replace(/^$/, "0d")).toBe(read);
  });

  it("of a decimal are a thousand digits, before or behind the point", () => {
    const read = (text: string) => {
      const bytes = Buffer.from(bytesOf("decimal", text), "hex");
      const unscaled = BigInt.asIntN(8 * (bytes.length - 4), BigInt(`0x${bytes.toString("hex", 4)}`));
      return { scale: bytes.readInt32BE(), unscaled };
    };
    expect(read("9".repeat(1000))).toEqual({ scale: 0, unscaled: 10n ** 1000n - 1n });
    expect(read(`-0.${"0".repeat(998)}1`)).toEqual({ scale: 999, unscaled: -1n });
    expect(() => read("9".repeat(1001))).toThrow("at most 1000 digits");
  });

  it("are written as the driver would, for every scalar", () => {
    const same = (type: ScalarType, value: unknown, theirs: unknown) =>
      expect(bytesOf(type, value)).toBe(driver.encode(theirs, driverType(treeOf(type))).toString("hex"));
    const { Long: _, ...driverTypes } = types;
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.nat(20),
        fc.double(),
        (long, scale, double) => {
          same("bigint", long, long);
          same("varint", long * long * long, long * long * long);
          const text = `${long}.${"7".repeat(scale + 1)}`;
          same("decimal", text, driverTypes.BigDecimal.fromString(text));
          if (Number.isFinite(double)) same("double", double, double);
          if (Number.isFinite(Math.fround(double))) same("float", Math.fround(double), Math.fround(double));
          const nanoseconds = (long < 0n ? -long : long) % 86_400_000_000_000n;
          const time = driverTypes.LocalTime.fromString(
            `${new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(11, 19)}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`,
          );
          same("time", time.toString(), time);
        },
      ),
    );
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 31n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 31n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.boolean(),
        (months, days, nanoseconds, negative) => {
          const text = `${negative ? "-" : ""}${months}mo${days}d${nanoseconds}ns`;
          same("duration", text, driverTypes.Duration.fromString(text));
          expect(codecOf(treeOf("duration")).text(Buffer.from(bytesOf("duration", text), "hex"))).toBe(
            text === "-0mo0d0ns" ? "0mo0d0ns" : text,
          );
        },
      ),
    );
  });
});

describe("types of several values", () => {
  it.each<[type: string, json: string, read: string]>([
    ["frozen<list<bigint>>", "[9007199254740993,-1]", "[9007199254740993,-1]"],
    ["frozen<list<bigint>>", "[]", "[]"],
    ["frozen<list<frozen<list<int>>>>", "[[],[1]]", "[[],[1]]"],
    ["frozen<list<list<int>>>", "[[],[1]]", "[[],[1]]"],
    ["frozen<list<text>>", '["a",null]', "InvalidValue"],
    ["frozen<set<text>>", '["a","b","a"]', '["a","b"]'],
    [
      "frozen<map<text, double>>",
      '{"a":1.5,"__proto__":2,"hasOwnProperty":3}',
      '{"a":1.5,"__proto__":2,"hasOwnProperty":3}',
    ],
    ["frozen<map<text, double>>", "{}", "{}"],
    ["frozen<map<boolean, int>>", '{"false":1}', "{false:1}"],
    ["frozen<map<int, text>>", '{"7":"a","07":"b"}', "InvalidValue"],
    ["frozen<map<int, text>>", '[[7,"a"],[8,"b"]]', '{7:"a",8:"b"}'],
    [
      "frozen<map<uuid, int>>",
      '{"5b6962dd-3f90-4c93-8f61-eabfa4a803e2":1,"5B6962DD-3F90-4C93-8F61-EABFA4A803E2":2}',
      "InvalidValue",
    ],
    ["frozen<map<timestamp, int>>", '{"1969-12-31T23:59:59Z":1,"5":2}', "{@5:2,@-1000:1}"],
    ["frozen<map<tuple<int, text>, frozen<list<int>>>>", '{"[1,\\"a\\"]":[]}', '{[1,"a"]:[]}'],
    ["frozen<map<text, frozen<map<int, blob>>>>", '{"a":{"1":"AA=="}}', '{"a":{1:0x00}}'],
    ["tuple<int, text, bigint>", '[1,null,"7"]', "[1,null,7]"],
    ["tuple<int, text>", "[1]", "[1,null]"],
    ["tuple<int, text>", '[1,"a",2]', "InvalidValue"],
    ["vector<float, 3>", "[1,2.5,-3]", "[1,2.5,-3]"],
    ["vector<float, 3>", "[1,2]", "InvalidValue"],
    ["vector<float, 3>", "[1,2,null]", "InvalidValue"],
    ["vector<smallint, 2>", "[1,-2]", "[1,-2]"],
    ["vector<text, 2>", '["","ab"]', '["","ab"]'],
    ["vector<vector<int, 2>, 2>", "[[1,2],[3,4]]", "[[1,2],[3,4]]"],
    ["vector<frozen<list<int>>, 1>", "[[]]", "[[]]"],
    ["frozen<position>", '{"lat":1,"label":"x","more":true}', '{"lat":1,"lon":null,"label":"x"}'],
    ["frozen<position>", "[1,2]", "InvalidValue"],
    ["frozen<position>", "1", "InvalidValue"],
    ["frozen<list<frozen<trip>>>", '[{"at":["1970-01-01T00:00:00.001Z"]},{}]', '[{"at":[@1]},{"at":null}]'],
  ])("%s: %s is read as %s", (type, json, read) => {
    expect(stored(type, json)).toBe(read);
  });

  it("are written as the driver would, where it can", () => {
    const same = (type: string, value: unknown, theirs: unknown) =>
      expect(bytesOf(type, value)).toBe(driver.encode(theirs, driverType(treeOf(type))).toString("hex"));
    same("frozen<list<int>>", [1, 2, 3], [1, 2, 3]);
    same("frozen<map<int, text>>", { "1": "a" }, new Map([[1, "a"]]));
    same("tuple<int, text>", [1, null], new types.Tuple(1, null));
    same("frozen<position>", { lat: 1, label: "x" }, { lat: 1, lon: null, label: "x" });
    same("vector<double, 2>", [1, 2], new types.Vector([1, 2]));
    const long = "x".repeat(300);
    same("vector<text, 2>", [long, "b"], new types.Vector([long, "b"]));
  });

  it("say which of their values is wrong", () => {
    const table = { ...tableOf("text"), columns: { ...tableOf("text").columns } };
    table.columns["value"] = { type: "frozen<map<text, frozen<list<int>>>>", body: "value" };
    const { description } = cellsOf(table, message({ id: "x", at: 0, value: { a: [1], b: [2, "s3cret"] } }));
    expect(description).toBe(
      "Column value (frozen<map<text, frozen<list<int>>>>): the body's value is an object and its value 1 is a list and " +
        "its item 1 is a string and must be a whole number from -2147483648 to 2147483647.",
    );
  });
});
