import type { ProviderState, StoredResource } from "../base/index.js";
import { type OperationContext, PartialFailureError, type PropertyMap, type ResourceModel } from "../base/index.js";
import { applyAndWait } from "./awaiting.js";
import { checkObject, isAutonamed } from "./check.js";
import type { Cluster } from "./cluster.js";
import { KNOWN_KINDS, type KnownKind } from "./kinds.js";
import { type KubernetesObject, keyOf, objectId, textAt, valueAt } from "./object.js";

/** Waits of Pulumi's provider in seconds: 10 minutes, and 5 for a claim (provider/pkg/await). */
const WAIT_SECONDS = 600;
const CLAIM_WAIT_SECONDS = 300;

export interface ProviderParts {
  /** The cluster; it is there once the stand-in listens. */
  cluster(): Cluster;
  /** Bound in seconds for the waits that nobody states. */
  maxWaitSeconds: number;
}

/** The model of a type; undefined for one that the stand-in does not know. */
export function modelOf(type: string, parts: ProviderParts): ResourceModel | undefined {
  const kind = KNOWN_KINDS.find((known) => known.type === type);
  return kind === undefined ? undefined : new ObjectModel(kind, parts);
}

/** The tokens that the stand-in knows. */
export const KNOWN_TYPES: readonly string[] = KNOWN_KINDS.map((kind) => kind.type);

/**
 * The objects that a state holds, without their status, which is found out anew; but a job that has ended has ended.
 */
export function objectsOf(state: ProviderState): KubernetesObject[] {
  return state.list().flatMap((resource) => {
    const kind = KNOWN_KINDS.find((known) => known.type === resource.type);
    if (kind === undefined) return [];
    const { status, ...object } = toObject(kind, resource.outputs);
    return [kind.kind === "Job" && status !== undefined ? { ...object, status } : object];
  });
}

class ObjectModel implements ResourceModel {
  readonly replaceOn: readonly string[];

  constructor(
    private readonly kind: KnownKind,
    private readonly parts: ProviderParts,
  ) {
    this.replaceOn = kind.replaceOn;
  }

  check(...args: Parameters<NonNullable<ResourceModel["check"]>>) {
    return checkObject(this.kind, ...args);
  }

  deleteBeforeReplace(olds: PropertyMap, news: PropertyMap): boolean {
    const same = (...path: string[]) => valueAt(olds, path) === valueAt(news, path);
    if (this.kind.kind === "Release") return same("name") && same("namespace");
    return !isAutonamed(news) && same("metadata", "name") && same("metadata", "namespace");
  }

  async create(inputs: PropertyMap, context: OperationContext): Promise<{ id: string; outputs: PropertyMap }> {
    const object = toObject(this.kind, inputs);
    this.parts.cluster().admit(object);
    return { id: objectId(object), outputs: await this.apply(object, inputs, context) };
  }

  async read(id: string, context: { state: ProviderState }): Promise<StoredResource | undefined> {
    const stored = context.state.get(this.kind.type, id);
    if (stored === undefined) return this.adopted(id);
    const status = this.live(toObject(this.kind, stored.inputs))?.status;
    return status === undefined ? stored : { ...stored, outputs: { ...stored.outputs, status: toProperties(status) } };
  }

  update(_id: string, _current: StoredResource, news: PropertyMap, context: OperationContext): Promise<PropertyMap> {
    return this.apply(toObject(this.kind, news), news, context);
  }

  async delete(_id: string, current: StoredResource, context: OperationContext): Promise<void> {
    const cluster = this.parts.cluster();
    const inside = await cluster.remove(toObject(this.kind, current.inputs));
    // A namespace goes with all that is in it, whoever made it.
    for (const object of inside) {
      const type = KNOWN_KINDS.find((k) => k.kind === object.kind && k.apiVersion === object.apiVersion)?.type;
      if (type !== undefined) context.state.delete(type, objectId(object));
    }
  }

  private async apply(object: KubernetesObject, inputs: PropertyMap, context: OperationContext): Promise<PropertyMap> {
    const wait = this.kind.kind === "PersistentVolumeClaim" ? CLAIM_WAIT_SECONDS : WAIT_SECONDS;
    const seconds = Math.min(wait, this.parts.maxWaitSeconds);
    const reasons = await applyAndWait(this.parts.cluster(), object, context.timeoutSeconds, seconds, context.signal);
    const outputs = this.outputs(object, inputs);
    if (reasons.length > 0) throw new PartialFailureError(objectId(object), outputs, reasons);
    return outputs;
  }

  /** What is there without the program's doing: the namespaces that every cluster has, and what a release made. */
  private adopted(id: string): StoredResource | undefined {
    const [name = "", namespace = ""] = id.split("/").reverse();
    const object = this.parts.cluster().find(this.kind.kind, namespace, name);
    if (object === undefined) return undefined;
    const { status, ...inputs } = object;
    return { type: this.kind.type, id, inputs: toProperties(inputs), outputs: toProperties(object) };
  }

  /** The inputs, and what the server adds. */
  private outputs(object: KubernetesObject, inputs: PropertyMap): PropertyMap {
    const live = this.live(object) ?? object;
    if (this.kind.kind === "Release") {
      const { name, namespace = "default" } = object.metadata;
      return { ...inputs, status: { name, namespace, status: "deployed", revision: live.metadata.generation ?? 1 } };
    }
    return {
      ...inputs,
      metadata: toProperties(live.metadata),
      ...(live.status === undefined ? {} : { status: toProperties(live.status) }),
    };
  }

  private live(object: KubernetesObject): KubernetesObject | undefined {
    const { kind, namespace, name } = keyOf(object);
    return this.parts.cluster().store.get(kind, namespace, name);
  }
}

/** Inputs or outputs as the object that they are. A Helm release is kept as an object whose spec is its inputs. */
function toObject(kind: KnownKind, properties: PropertyMap): KubernetesObject {
  if (kind.kind === "Release") {
    const metadata = {
      name: textAt(properties, "name") ?? "",
      namespace: textAt(properties, "namespace") ?? "default",
    };
    return { apiVersion: kind.apiVersion, kind: kind.kind, metadata, spec: properties };
  }
  const object: unknown = JSON.parse(JSON.stringify(properties));
  return object as KubernetesObject;
}

/** A plain value as properties: what is undefined is left out. */
function toProperties(value: object): PropertyMap {
  return JSON.parse(JSON.stringify(value)) as PropertyMap;
}
