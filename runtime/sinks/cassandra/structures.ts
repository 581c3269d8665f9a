import type { TypeTree } from "../../contract/index.js";
import { int32Bytes, readUnsignedVint, unsignedVintBytes } from "./bytes.js";
import type { Codec } from "./codec.js";
import { parseExact } from "./jsonText.js";
import { WrongValue } from "./unfit.js";
import { kindOf, scalarCodecs } from "./values.js";

/** How values of a type are written. */
export function codecOf(type: TypeTree): Codec {
  switch (type.kind) {
    case "scalar":
      return scalarCodecs[type.scalar];
    case "list":
    case "set":
      return listCodec(codecOf(type.element), type.kind);
    case "map":
      return mapCodec(codecOf(type.key), codecOf(type.value));
    case "tuple":
      return tupleCodec(type.elements.map(codecOf));
    case "vector":
      return vectorCodec(codecOf(type.element), type.dimension);
    case "udt":
      return objectCodec(type.fields.map(({ name, type: field }) => ({ name, codec: codecOf(field) })));
  }
}

/** The length that says that a part is null. */
const NULL_LENGTH = int32Bytes(-1);

/** What a type of several values needs to say; its text form is its JSON. */
function structured(parts: Pick<Codec, "encode" | "json" | "width">): Codec {
  const { encode, json } = parts;
  const fromText = (text: string) => {
    const value = parseExact(text);
    if (value === undefined) throw new WrongValue("must be JSON");
    return encode(value);
  };
  return { ...parts, fromText, text: json };
}

function listCodec(element: Codec, kind: "list" | "set"): Codec {
  const encode = (value: unknown) => {
    if (!Array.isArray(value)) throw new WrongValue(`must be a list`);
    const encoded = value.map((item: unknown, i) => partOf(element, item, `item ${i}`));
    const items = kind === "set" ? distinct(encoded) : encoded;
    return Buffer.concat([int32Bytes(items.length), ...items.flatMap(withLength)]);
  };
  return structured({ encode, json: (bytes) => listJson(parts(bytes, 4, bytes.readInt32BE()), () => element) });
}

/** A set holds each value once. */
function distinct(items: Buffer[]): Buffer[] {
  return [...new Map(items.map((item) => [item.toString("latin1"), item])).values()];
}

/** A map comes as an object, its keys in text form, or as a list of pairs. */
function mapCodec(key: Codec, value: Codec): Codec {
  const encode = (source: unknown) => {
    const entries = entriesOf(source, key);
    const seen = new Set(entries.map(([bytes]) => bytes.toString("latin1")));
    if (seen.size !== entries.length) throw new WrongValue("must have each key once");
    const written = entries.flatMap(([bytes, item], i) =>
      [bytes, partOf(value, item, `value ${i}`)].flatMap(withLength),
    );
    return Buffer.concat([int32Bytes(entries.length), ...written]);
  };
  const json = (bytes: Buffer) => {
    const all = parts(bytes, 4, 2 * bytes.readInt32BE());
    const pairs = all.flatMap((part, i) => {
      const next = all[i + 1];
      return i % 2 === 1 || part === null || next === null || next === undefined
        ? []
        : [`${JSON.stringify(key.text(part))}:${value.json(next)}`];
    });
    return `{${pairs.join(",")}}`;
  };
  return structured({ encode, json });
}

function entriesOf(source: unknown, key: Codec): [Buffer, unknown][] {
  if (Array.isArray(source))
    return source.map((pair: unknown, i) => {
      if (!Array.isArray(pair) || pair.length !== 2) throw new WrongValue(`must have a key and a value at item ${i}`);
      return [partOf(key, pair[0], `key ${i}`), pair[1]];
    });
  return Object.entries(objectOf(source)).map(([name, item], i) => [
    nested(`key ${i}`, name, () => key.fromText(name)),
    item,
  ]);
}

function tupleCodec(elements: Codec[]): Codec {
  const encode = (value: unknown) => {
    if (!Array.isArray(value) || value.length > elements.length)
      throw new WrongValue(`must be a list of at most ${elements.length} items`);
    return Buffer.concat(
      elements.flatMap((element, i) => {
        const item: unknown = value[i];
        return item === undefined || item === null ? [NULL_LENGTH] : withLength(partOf(element, item, `item ${i}`));
      }),
    );
  };
  const json = (bytes: Buffer) => listJson(parts(bytes, 0, elements.length), (i) => elements[i]);
  return structured({ encode, json });
}

/** A user-defined type comes as an object; a field that is missing there is null, one that the type does not have is left out. */
function objectCodec(fields: { name: string; codec: Codec }[]): Codec {
  const encode = (value: unknown) => {
    const object = objectOf(value);
    return Buffer.concat(
      fields.flatMap(({ name, codec }) => {
        const item: unknown = Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;
        return item === undefined || item === null ? [NULL_LENGTH] : withLength(partOf(codec, item, `field ${name}`));
      }),
    );
  };
  const json = (bytes: Buffer) => {
    const values = parts(bytes, 0, fields.length);
    const pairs = fields.map(({ name, codec }, i) => {
      const value = values[i] ?? null;
      return `${JSON.stringify(name)}:${value === null ? "null" : codec.json(value)}`;
    });
    return `{${pairs.join(",")}}`;
  };
  return structured({ encode, json });
}

function vectorCodec(element: Codec, dimension: number): Codec {
  const encode = (value: unknown) => {
    if (!Array.isArray(value) || value.length !== dimension)
      throw new WrongValue(`must be a list of ${dimension} items`);
    const items = value.map((item: unknown, i) => partOf(element, item, `item ${i}`));
    if (element.width !== undefined) return Buffer.concat(items);
    return Buffer.concat(items.flatMap((item) => [unsignedVintBytes(BigInt(item.length)), item]));
  };
  const json = (bytes: Buffer) => listJson(vectorParts(bytes, dimension, element.width), () => element);
  const width = element.width === undefined ? {} : { width: dimension * element.width };
  return structured({ encode, json, ...width });
}

/** An object of JSON, or a record or map of Avro; nothing that stands for one value. */
function objectOf(value: unknown): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return value;
  }
  throw new WrongValue("must be an object");
}

/** Bytes of a part, which may not be null; where it breaks its rule, the rule says which part it is. */
function partOf(codec: Codec, value: unknown, where: string): Buffer {
  return nested(where, value, () => {
    if (value === null || value === undefined) throw new WrongValue("must have a value");
    return codec.encode(value);
  });
}

function nested(where: string, value: unknown, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    if (error instanceof WrongValue) throw new WrongValue(`its ${where} is ${kindOf(value)} and ${error.rule}`);
    throw error;
  }
}

function withLength(bytes: Buffer): Buffer[] {
  return [int32Bytes(bytes.length), bytes];
}

/** Parts that stand behind their lengths from `at` on; null where the length says so. */
function parts(bytes: Buffer, at: number, count: number): (Buffer | null)[] {
  let next = at;
  return Array.from({ length: count }, () => {
    const length = bytes.readInt32BE(next);
    next += 4;
    if (length < 0) return null;
    next += length;
    return bytes.subarray(next - length, next);
  });
}

function vectorParts(bytes: Buffer, count: number, width: number | undefined): Buffer[] {
  let at = 0;
  return Array.from({ length: count }, () => {
    const { value, next } = width === undefined ? readUnsignedVint(bytes, at) : { value: width, next: at };
    at = next + Number(value);
    return bytes.subarray(next, at);
  });
}

function listJson(items: (Buffer | null)[], codec: (i: number) => Codec | undefined): string {
  return `[${items.map((item, i) => (item === null ? "null" : (codec(i)?.json(item) ?? "null"))).join(",")}]`;
}
