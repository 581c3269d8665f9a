import { type KubernetesObject, keyOf, listAt, recordAt, textAt, textsAt, valueAt } from "../object.js";
import type { ObjectStore } from "../store.js";
import { CannotStartError, WaitingReason } from "./waiting.js";

/** Phases of claims and volumes, as Kubernetes names them. */
const Phase = {
  Available: "Available",
  Bound: "Bound",
  Lost: "Lost",
  Pending: "Pending",
  Released: "Released",
} as const;

const SUFFIXES: Record<string, number> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A quantity in its base unit: `1Gi` is 1073741824. NaN for what is no quantity. */
export function quantity(value: unknown): number {
  if (typeof value === "number") return value;
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)([mkMGTP]|[KMGTP]i)?$/.exec(String(value)) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) * (SUFFIXES[suffix ?? ""] ?? Number.NaN);
}

/**
 * True if a claim can be bound to a volume by what both say: class, access modes, capacity, volume mode, labels, and
 * a reservation (`spec.claimRef`, `spec.volumeName`) that does not name another.
 */
export function fits(claim: KubernetesObject, volume: KubernetesObject): boolean {
  const wanted = textAt(claim, "spec", "volumeName");
  const reserved = recordAt(volume, "spec", "claimRef");
  const namesClaim =
    reserved === undefined ||
    (textAt(reserved, "name") === claim.metadata.name &&
      textAt(reserved, "namespace") === (claim.metadata.namespace ?? "default"));
  const modes = listAt(volume, "spec", "accessModes");
  return (
    namesClaim &&
    (wanted === undefined || wanted === "" || wanted === volume.metadata.name) &&
    (textAt(claim, "spec", "storageClassName") ?? "") === (textAt(volume, "spec", "storageClassName") ?? "") &&
    (textAt(claim, "spec", "volumeMode") ?? "Filesystem") === (textAt(volume, "spec", "volumeMode") ?? "Filesystem") &&
    listAt(claim, "spec", "accessModes").every((mode) => modes.includes(mode)) &&
    quantity(valueAt(volume, ["spec", "capacity", "storage"])) >=
      quantity(valueAt(claim, ["spec", "resources", "requests", "storage"]) ?? 0) &&
    selects(recordAt(claim, "spec", "selector"), volume.metadata.labels ?? {})
  );
}

function selects(selector: Record<string, unknown> | undefined, labels: Record<string, string>): boolean {
  if (selector === undefined) return true;
  const matches = Object.entries(textsAt(selector, "matchLabels")).every(([key, value]) => labels[key] === value);
  return matches && listAt(selector, "matchExpressions").every((expression) => holds(expression, labels));
}

function holds(expression: unknown, labels: Record<string, string>): boolean {
  const value = labels[textAt(expression, "key") ?? ""];
  const values = listAt(expression, "values");
  const operator = textAt(expression, "operator");
  if (operator === "In") return value !== undefined && values.includes(value);
  if (operator === "NotIn") return value === undefined || !values.includes(value);
  if (operator === "Exists") return value !== undefined;
  return operator === "DoesNotExist" && value === undefined;
}

/**
 * Binds what can be bound and writes the phases of every claim and volume. A volume whose claim is gone is Released
 * and takes no other, as with the reclaim policy Retain: its data is somebody's.
 */
export function bindClaims(store: ObjectStore): void {
  const claims = new Map(store.list("PersistentVolumeClaim").map((claim) => [claim.metadata.uid ?? "", claim]));
  for (const volume of store.list("PersistentVolume")) {
    const bound = recordAt(volume, "status", "claimRef");
    if (bound === undefined) store.setStatus(keyOf(volume), { phase: Phase.Available });
    else if (!claims.has(textAt(bound, "uid") ?? "")) {
      store.setStatus(keyOf(volume), { phase: Phase.Released, claimRef: bound });
    }
  }
  for (const claim of claims.values()) {
    const name = textAt(claim, "status", "volumeName");
    if (name !== undefined) {
      if (store.get("PersistentVolume", "", name) === undefined) {
        store.setStatus(keyOf(claim), { phase: Phase.Lost, volumeName: name });
      }
      continue;
    }
    const free = store.list("PersistentVolume").filter((v) => textAt(v, "status", "phase") === Phase.Available);
    // The smallest that is enough, and one that is reserved for this claim before all others.
    const [volume] = free.filter((v) => fits(claim, v)).sort((a, b) => rank(a) - rank(b));
    if (volume === undefined) store.setStatus(keyOf(claim), { phase: Phase.Pending });
    else bind(store, claim, volume);
  }
}

function rank(volume: KubernetesObject): number {
  const reserved = recordAt(volume, "spec", "claimRef") !== undefined;
  return (reserved ? 0 : 1e30) + quantity(valueAt(volume, ["spec", "capacity", "storage"]));
}

function bind(store: ObjectStore, claim: KubernetesObject, volume: KubernetesObject): void {
  const { name, namespace = "default", uid = "" } = claim.metadata;
  store.setStatus(keyOf(volume), { phase: Phase.Bound, claimRef: { name, namespace, uid } });
  store.setStatus(keyOf(claim), {
    phase: Phase.Bound,
    volumeName: volume.metadata.name,
    accessModes: listAt(volume, "spec", "accessModes"),
    capacity: recordAt(volume, "spec", "capacity") ?? {},
  });
}

/** The volume a claim is bound to. Throws CannotStartError for a claim that is missing or not bound, and says why. */
export function volumeOfClaim(store: ObjectStore, namespace: string, name: string): KubernetesObject {
  const claim = store.get("PersistentVolumeClaim", namespace, name);
  const volumeName = textAt(claim, "status", "volumeName");
  const volume = volumeName === undefined ? undefined : store.get("PersistentVolume", "", volumeName);
  if (claim !== undefined && volume !== undefined) return volume;
  throw new CannotStartError(
    WaitingReason.FailedMount,
    claim === undefined
      ? `there is no persistent volume claim ${namespace}/${name}`
      : `persistent volume claim ${namespace}/${name} is not bound: ${unboundReason(store, claim)}`,
  );
}

/** Why a claim is not bound, for a person. */
export function unboundReason(store: ObjectStore, claim: KubernetesObject): string {
  const storageClass = textAt(claim, "spec", "storageClassName") ?? "";
  if (store.get("StorageClass", "", storageClass) !== undefined) {
    return `storage class ${storageClass} provisions volumes in a cluster; nothing does so locally`;
  }
  const wanted = textAt(claim, "spec", "volumeName");
  if (wanted === undefined) return "no persistent volume has its class, access modes, size and labels and is available";
  const volume = store.get("PersistentVolume", "", wanted);
  if (volume === undefined) return `there is no persistent volume ${wanted}`;
  const phase = textAt(volume, "status", "phase") ?? Phase.Available;
  return phase === Phase.Available
    ? `persistent volume ${wanted} differs in class, access modes, size, labels or the claim it is reserved for`
    : `persistent volume ${wanted} is ${phase}`;
}
