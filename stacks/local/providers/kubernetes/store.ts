import { randomUUID } from "node:crypto";
import { canonicalJson, type KubernetesObject, keyOf, type ObjectKey } from "./object.js";

/** One change in the store; `object` is undefined where it was removed, `previous` where it is new. */
export interface StoreChange {
  key: ObjectKey;
  object: KubernetesObject | undefined;
  previous: KubernetesObject | undefined;
}

/** The objects of the cluster, by kind, namespace and name. It holds what was applied; persistence is its caller's. */
export class ObjectStore {
  private readonly objects = new Map<string, KubernetesObject>();
  private version = 0;
  private readonly listeners = new Set<(change: StoreChange) => void>();

  /** Called with every change, after it. Returns what ends that. */
  onChange(listener: (change: StoreChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get(kind: string, namespace: string, name: string): KubernetesObject | undefined {
    return this.objects.get(path({ kind, namespace, name }));
  }

  /** Objects of a kind, in the order of their creation; of one namespace where that is given. */
  list(kind: string, namespace?: string): KubernetesObject[] {
    return this.all().filter(
      (o) => o.kind === kind && (namespace === undefined || (o.metadata.namespace ?? "") === namespace),
    );
  }

  all(): KubernetesObject[] {
    return [...this.objects.values()];
  }

  /**
   * Keeps an object and gives it what a server gives: a uid and a creation time at first, a generation that rises when
   * a field other than the status changes, and a resource version that changes with all of it. The status of an object
   * that is there stays unless a new one is given.
   */
  put(object: KubernetesObject): KubernetesObject {
    const key = keyOf(object);
    const previous = this.objects.get(path(key));
    const same = previous !== undefined && canonicalJson(ownFields(previous)) === canonicalJson(ownFields(object));
    const generation = previous?.metadata.generation ?? 0;
    const kept: KubernetesObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: previous?.metadata.uid ?? object.metadata.uid ?? randomUUID(),
        creationTimestamp:
          previous?.metadata.creationTimestamp ?? object.metadata.creationTimestamp ?? new Date().toISOString(),
        generation: same ? generation : previous === undefined ? (object.metadata.generation ?? 1) : generation + 1,
      },
    };
    const status = object.status ?? previous?.status;
    if (status !== undefined) kept.status = status;
    const unchanged = same && canonicalJson(previous.status) === canonicalJson(status);
    kept.metadata.resourceVersion = (unchanged ? previous.metadata.resourceVersion : undefined) ?? this.nextVersion();
    this.objects.set(path(key), kept);
    this.tell({ key, object: kept, previous });
    return kept;
  }

  /** Replaces the status of an object that is there; nothing happens where it is gone. */
  setStatus(key: ObjectKey, status: Record<string, unknown>): void {
    const previous = this.objects.get(path(key));
    if (previous === undefined || canonicalJson(previous.status) === canonicalJson(status)) return;
    const metadata = { ...previous.metadata, resourceVersion: this.nextVersion() };
    const object = { ...previous, metadata, status };
    this.objects.set(path(key), object);
    this.tell({ key, object, previous });
  }

  remove(key: ObjectKey): KubernetesObject | undefined {
    const previous = this.objects.get(path(key));
    if (previous === undefined) return undefined;
    this.objects.delete(path(key));
    this.tell({ key, object: undefined, previous });
    return previous;
  }

  private nextVersion(): string {
    this.version += 1;
    return String(this.version);
  }

  private tell(change: StoreChange): void {
    for (const listener of this.listeners) listener(change);
  }
}

function path(key: ObjectKey): string {
  return `${key.kind}/${key.namespace}/${key.name}`;
}

/** What counts for the generation: everything but the status and what the server itself adds. */
function ownFields(object: KubernetesObject): unknown {
  const { status: _status, metadata, ...rest } = object;
  const {
    uid: _uid,
    generation: _generation,
    creationTimestamp: _created,
    resourceVersion: _version,
    ...named
  } = metadata;
  return { ...rest, metadata: named };
}
