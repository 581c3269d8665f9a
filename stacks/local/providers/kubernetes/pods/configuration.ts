import { type KubernetesObject, textsAt } from "../object.js";
import type { ObjectStore } from "../store.js";
import { CannotStartError, WaitingReason } from "./waiting.js";

/** The two kinds of object that give containers values and files. */
export type ConfigurationKind = "ConfigMap" | "Secret";

/** The entries of a config map or a secret; undefined where there is no such object. */
export function entriesOf(
  store: Pick<ObjectStore, "get">,
  kind: ConfigurationKind,
  namespace: string,
  name: string,
): Map<string, Buffer> | undefined {
  const object = store.get(kind, namespace, name);
  return object === undefined ? undefined : readEntries(object);
}

/** As `entriesOf`, but throws for an object that is missing, unless it is optional. */
export function requiredEntries(
  store: Pick<ObjectStore, "get">,
  kind: ConfigurationKind,
  namespace: string,
  name: string,
  optional: boolean,
): Map<string, Buffer> {
  const entries = entriesOf(store, kind, namespace, name);
  if (entries !== undefined) return entries;
  if (optional) return new Map();
  throw missing(`there is no ${kind} ${namespace}/${name}`);
}

export function missing(message: string): CannotStartError {
  return new CannotStartError(WaitingReason.CreateContainerConfigError, message);
}

function readEntries(object: KubernetesObject): Map<string, Buffer> {
  const plain = object.kind === "ConfigMap" ? textsAt(object, "data") : textsAt(object, "stringData");
  const encoded = object.kind === "ConfigMap" ? textsAt(object, "binaryData") : textsAt(object, "data");
  return new Map([
    ...Object.entries(encoded).map(([key, value]) => [key, Buffer.from(value, "base64")] as const),
    ...Object.entries(plain).map(([key, value]) => [key, Buffer.from(value, "utf8")] as const),
  ]);
}
