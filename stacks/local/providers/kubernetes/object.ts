/** What names and labels an object. */
export interface ObjectMetadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  /** Rises by one with every change of the object's own fields (not of its status). */
  generation?: number;
  /** Another one after every change, of the status too: who writes with the one that was read overwrites nobody. */
  resourceVersion?: string;
  /** RFC 3339, set at creation. */
  creationTimestamp?: string;
  /** Objects that it goes with. */
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
}

/** An object as the API server keeps it. Fields that are not named here (`roleRef`, `parameters`, …) are kept too. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMetadata;
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Group, version and kind: `apps/v1`, `Deployment`. */
export interface GroupVersionKind {
  apiVersion: string;
  kind: string;
}

/** What one object is found by. `namespace` is empty for objects of the whole cluster. */
export interface ObjectKey {
  kind: string;
  namespace: string;
  name: string;
}

export function keyOf(object: KubernetesObject): ObjectKey {
  return { kind: object.kind, namespace: object.metadata.namespace ?? "", name: object.metadata.name };
}

/** `Deployment default/web`, or `PersistentVolume renders` for an object of the whole cluster. */
export function describeObject(object: KubernetesObject): string {
  return `${object.kind} ${objectId(object)}`;
}

/** The id that Pulumi's Kubernetes provider gives: `namespace/name`, or `name` for an object of the whole cluster. */
export function objectId(object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path of keys and indexes, undefined where a step is missing. */
export function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    if (Array.isArray(found)) found = found[Number(step)];
    else if (isRecord(found)) found = found[step];
    else return undefined;
  }
  return found;
}

/** The value at a path if it is a string. */
export function textAt(value: unknown, ...path: (string | number)[]): string | undefined {
  const found = valueAt(value, path);
  return typeof found === "string" ? found : undefined;
}

/** The value at a path if it is a number. */
export function numberAt(value: unknown, ...path: (string | number)[]): number | undefined {
  const found = valueAt(value, path);
  return typeof found === "number" ? found : undefined;
}

/** The value at a path if it is an object. */
export function recordAt(value: unknown, ...path: (string | number)[]): Record<string, unknown> | undefined {
  const found = valueAt(value, path);
  return isRecord(found) ? found : undefined;
}

/** The value at a path if it is a list, else an empty one. */
export function listAt(value: unknown, ...path: (string | number)[]): unknown[] {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found : [];
}

/** The entries of an object whose values are strings. */
export function textsAt(value: unknown, ...path: (string | number)[]): Record<string, string> {
  const entries = Object.entries(recordAt(value, ...path) ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** JSON with sorted keys: equal for equal values, whatever the order in which they were written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
