import { Struct } from "google-protobuf/google/protobuf/struct_pb.js";

/**
 * A value that is known only after deployment. It is a single object and never a string, so that a check
 * such as `typeof name === "string"` is false for it.
 */
export class Unknown {
  /** An unknown that ends up in JSON (an object rendered in a preview) is recognised by the engine again. */
  toJSON(): string {
    return UNKNOWN_STRING;
  }
}

/** What a property holds. An absent property is an absent key. */
export type PropertyValue = null | boolean | number | string | Unknown | PropertyValue[] | PropertyMap;

/** Properties of a resource, by name. */
export interface PropertyMap {
  [name: string]: PropertyValue;
}

export const UNKNOWN = new Unknown();

/** True for a value that is known only after deployment. */
export function isUnknown(value: PropertyValue | undefined): value is Unknown {
  return value instanceof Unknown;
}

/** True for an object with named properties (not a list, not an unknown). */
export function isPropertyMap(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isUnknown(value);
}

/** True if the value is unknown or holds one, however deep. */
export function holdsUnknown(value: PropertyValue | undefined): boolean {
  if (isUnknown(value)) return true;
  if (Array.isArray(value)) return value.some(holdsUnknown);
  return isPropertyMap(value) && Object.values(value).some(holdsUnknown);
}

// Marks of Pulumi's wire format: sdk/go/common/resource/plugin/rpc.go and resource/sig of github.com/pulumi/pulumi.
const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // bool
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  UNKNOWN_STRING,
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const REFUSED: Record<string, string> = {
  c44067f5952c0a294b673a41bacd8c17: "an asset",
  "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
  "5cf8f73096256a8f31e491e813e4eb8e": "a reference to a resource",
};

/**
 * Properties as they come from the engine: unknowns become `UNKNOWN`, secrets are unwrapped (the engine marks
 * outputs as secret itself where the input of the same name was one).
 * Throws an error that names the property for an asset, an archive or a reference to a resource.
 */
export function fromWire(struct: Struct | undefined, owner = "properties"): PropertyMap {
  return struct === undefined ? {} : readMap(struct.toJavaScript(), owner);
}

/** Properties as the engine takes them. */
export function toWire(properties: PropertyMap): Struct {
  return Struct.fromJavaScript(writeMap(properties));
}

type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain };

function readMap(map: Record<string, unknown>, path: string): PropertyMap {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, read(value, `${path}.${name}`)]));
}

function read(value: unknown, path: string): PropertyValue {
  if (typeof value === "string") return UNKNOWNS.has(value) ? UNKNOWN : value;
  if (typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map((entry, index) => read(entry, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return null;
  const map = Object.fromEntries(Object.entries(value));
  const signature = map[SIGNATURE];
  if (signature === undefined) return readMap(map, path);
  if (signature === SECRET) return read(map["value"], path);
  if (signature === OUTPUT) return "value" in map ? read(map["value"], path) : UNKNOWN;
  throw new Error(
    `${path} is ${REFUSED[String(signature)] ?? `a value of kind ${signature}`}, which a stand-in cannot take`,
  );
}

function writeMap(map: PropertyMap): { [name: string]: Plain } {
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, value]) => (value === undefined ? [] : [[name, write(value)]])),
  );
}

function write(value: PropertyValue): Plain {
  if (isUnknown(value)) return UNKNOWN_STRING;
  if (Array.isArray(value)) return value.map(write);
  return isPropertyMap(value) ? writeMap(value) : value;
}
