import { canonicalJson, isRecord, type KubernetesObject, recordAt, textsAt } from "../object.js";
import type { ObjectStore } from "../store.js";
import { mergePatch } from "./mergePatch.js";
import { ApiError } from "./status.js";

/** Bytes that a secret's values may have together, as the API server has it. */
const MAX_BYTES = 1_048_576;
const KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A secret as it is read: all of its values in `data`. Throws ApiError where it is not there. */
export function readSecret(store: Pick<ObjectStore, "get">, namespace: string, name: string): KubernetesObject {
  const secret = store.get("Secret", namespace, name);
  if (secret === undefined) throw new ApiError("NotFound", `secrets "${name}" not found`, name);
  return plain(secret);
}

/**
 * Changes a secret by a JSON merge patch. A patch that names a resource version is taken only while the secret has that
 * one. Throws ApiError for what the API server refuses; nothing is changed then.
 */
export function patchSecret(
  store: Pick<ObjectStore, "get" | "put">,
  namespace: string,
  name: string,
  patch: unknown,
): KubernetesObject {
  const current = readSecret(store, namespace, name);
  if (!isRecord(patch)) throw new ApiError("BadRequest", "a merge patch of a secret is an object", name);
  const asked = recordAt(patch, "metadata")?.["resourceVersion"];
  if (asked !== undefined && asked !== current.metadata.resourceVersion)
    throw new ApiError(
      "Conflict",
      `Operation cannot be fulfilled on secrets "${name}": the object has been modified; please apply your changes to ` +
        "the latest version and try again",
      name,
    );
  const patched = plain(mergePatch(current, patch) as KubernetesObject);
  refuse(current, patched, name);
  return plain(store.put(patched));
}

/** `stringData` is written only: it is read as `data`. */
function plain(secret: KubernetesObject): KubernetesObject {
  const { stringData: _written, ...rest } = secret;
  const written = Object.entries(textsAt(secret, "stringData"));
  if (written.length === 0) return rest;
  const encoded = written.map(([key, value]) => [key, Buffer.from(value, "utf8").toString("base64")]);
  return { ...rest, data: { ...rest.data, ...Object.fromEntries(encoded) } };
}

function refuse(current: KubernetesObject, patched: KubernetesObject, name: string): void {
  const invalid = (path: string, why: string) =>
    new ApiError("Invalid", `Secret "${name}" is invalid: ${path}: ${why}`, name);
  if (!isRecord(patched.metadata)) throw invalid("metadata", "Required value");
  for (const field of ["name", "namespace", "uid", "creationTimestamp"] as const)
    if (patched.metadata[field] !== current.metadata[field]) throw invalid(`metadata.${field}`, "field is immutable");
  for (const field of ["apiVersion", "kind", "type"])
    if (patched[field] !== current[field]) throw invalid(field, "field is immutable");
  if (current["immutable"] === true && canonicalJson(patched.data) !== canonicalJson(current.data))
    throw invalid("data", "Forbidden: field is immutable when `immutable` is set");
  const data = patched.data ?? {};
  if (!isRecord(data)) throw invalid("data", "Invalid value: must be an object");
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    if (!KEY.test(key))
      throw invalid(`data[${key}]`, "Invalid value: must be at most 253 of letters, digits, -, _ and .");
    // Never with the value: it is a secret, whatever is wrong with it.
    if (typeof value !== "string" || !BASE64.test(value))
      throw new ApiError("BadRequest", `Secret "${name}": data[${key}] is not base64`, name);
    bytes += Buffer.byteLength(value, "base64");
  }
  if (bytes > MAX_BYTES) throw invalid("data", `Too long: must have at most ${MAX_BYTES} bytes`);
}
