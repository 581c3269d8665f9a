import type { PropertyMap, StoredResource } from "../base/index.js";
import { IDENTITY_ORDER, type IdentityEffects, putIdentity, removeIdentity } from "./identityEffects.js";

/** Properties of a queue, topic, subscription or rule as Azure shows them, with its defaults; durations in ISO 8601. */
export type EntityProperties = Readonly<PropertyMap>;

/**
 * What the life of Service Bus resources brings about: an embedded broker. Every operation may come again for what is
 * there (or gone) already: the effects of an earlier run are replayed when the stand-in starts on its state.
 */
export interface ServiceBusEffects {
  /**
   * Made or changed.
   * @param id resource id: what rights on it are held against
   * @returns the endpoint that clients speak to: `https://localhost:PORT/`
   */
  namespaceCreated(name: string, properties: EntityProperties, id: string): Promise<{ endpoint: string }>;
  namespaceDeleted(name: string): Promise<void>;
  putQueue(namespace: string, name: string, properties: EntityProperties): Promise<void>;
  deleteQueue(namespace: string, name: string): Promise<void>;
  putTopic(namespace: string, name: string, properties: EntityProperties): Promise<void>;
  deleteTopic(namespace: string, name: string): Promise<void>;
  /** A new subscription has Azure's own rule `$Default`, which matches every message. */
  putSubscription(namespace: string, topic: string, name: string, properties: EntityProperties): Promise<void>;
  deleteSubscription(namespace: string, topic: string, name: string): Promise<void>;
  putRule(ns: string, topic: string, subscription: string, name: string, properties: EntityProperties): Promise<void>;
  deleteRule(namespace: string, topic: string, subscription: string, name: string): Promise<void>;
  /**
   * Makes a shared access rule (authorization rule), or changes its rights; its keys stay. Without it such rules are
   * kept and mean nothing.
   * @param entity a queue or topic; empty for the namespace
   * @param rights `Send`, `Listen`, `Manage`
   */
  putSharedAccessRule?(namespace: string, entity: string, name: string, rights: readonly string[]): Promise<void>;
  deleteSharedAccessRule?(namespace: string, entity: string, name: string): Promise<void>;
  /** The keys of such a rule; undefined where there is none. They are in no state: whoever asks gets them. */
  sharedAccessKeys?(namespace: string, entity: string, name: string): SharedAccessKeys | undefined;
}

/** Keys of a shared access rule, and how clients are given them. */
export interface SharedAccessKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
  /** Host and port of the namespace. */
  readonly host: string;
}

/** What resources bring about, by where; a preview has neither. */
export interface ArmEffects {
  readonly serviceBus?: ServiceBusEffects | undefined;
  readonly identities?: IdentityEffects | undefined;
}

const SHARED_ACCESS_TYPES = ["NamespaceAuthorizationRule", "QueueAuthorizationRule", "TopicAuthorizationRule"];

/** Types with an effect, each after those it lies in. */
const ORDER = [
  ...["Namespace", "Topic", "Queue", "Subscription", "Rule", "DefaultRule", ...SHARED_ACCESS_TYPES].map(
    (name) => `azure-native:servicebus:${name}`,
  ),
  ...IDENTITY_ORDER,
];

/** Brings a resource about; gives the outputs that come from there. */
export async function bringAbout(effects: ArmEffects | undefined, resource: StoredResource): Promise<PropertyMap> {
  if (effects?.identities !== undefined) putIdentity(effects.identities, resource);
  return effects?.serviceBus === undefined ? {} : put(effects.serviceBus, resource);
}

/** Takes back what a resource brought about. */
export async function takeBack(effects: ArmEffects | undefined, resource: StoredResource): Promise<void> {
  if (effects?.identities !== undefined) removeIdentity(effects.identities, resource);
  if (effects?.serviceBus !== undefined) await remove(effects.serviceBus, resource);
}

/** Brings a resource about in the broker; gives the outputs that come from there. */
async function put(effects: ServiceBusEffects, resource: StoredResource): Promise<PropertyMap> {
  const { namespace, entity, subscription, rule } = placeOf(resource);
  switch (resource.type) {
    case "azure-native:servicebus:Namespace":
      return {
        serviceBusEndpoint: (await effects.namespaceCreated(namespace, resource.outputs, resource.id)).endpoint,
      };
    case "azure-native:servicebus:Queue":
      await effects.putQueue(namespace, entity, resource.outputs);
      break;
    case "azure-native:servicebus:Topic":
      await effects.putTopic(namespace, entity, resource.outputs);
      break;
    case "azure-native:servicebus:Subscription":
      await effects.putSubscription(namespace, entity, subscription, resource.outputs);
      break;
    case "azure-native:servicebus:Rule":
    case "azure-native:servicebus:DefaultRule":
      await effects.putRule(namespace, entity, subscription, rule, resource.outputs);
      break;
    case "azure-native:servicebus:NamespaceAuthorizationRule":
    case "azure-native:servicebus:QueueAuthorizationRule":
    case "azure-native:servicebus:TopicAuthorizationRule": {
      const rights = resource.outputs["rights"];
      const [at, name] = sharedAccessOf(resource);
      await effects.putSharedAccessRule?.(namespace, at, name, Array.isArray(rights) ? rights.map(String) : []);
      break;
    }
  }
  return {};
}

/** Takes a resource out of the broker. */
async function remove(effects: ServiceBusEffects, resource: StoredResource): Promise<void> {
  const { namespace, entity, subscription, rule } = placeOf(resource);
  switch (resource.type) {
    case "azure-native:servicebus:Namespace":
      return effects.namespaceDeleted(namespace);
    case "azure-native:servicebus:Queue":
      return effects.deleteQueue(namespace, entity);
    case "azure-native:servicebus:Topic":
      return effects.deleteTopic(namespace, entity);
    case "azure-native:servicebus:Subscription":
      return effects.deleteSubscription(namespace, entity, subscription);
    case "azure-native:servicebus:Rule":
    case "azure-native:servicebus:DefaultRule":
      return effects.deleteRule(namespace, entity, subscription, rule);
    case "azure-native:servicebus:NamespaceAuthorizationRule":
    case "azure-native:servicebus:QueueAuthorizationRule":
    case "azure-native:servicebus:TopicAuthorizationRule":
      return effects.deleteSharedAccessRule?.(namespace, ...sharedAccessOf(resource));
  }
}

/** The entity of a shared access rule, empty for the namespace, and the rule's name. */
function sharedAccessOf({ id }: StoredResource): [entity: string, name: string] {
  const [, entity = "", name = ""] =
    /\/namespaces\/[^/]+(?:\/(?:queues|topics)\/([^/]+))?\/authorizationRules\/([^/]+)$/i.exec(id) ?? [];
  return [entity.replaceAll("~", "/"), name];
}

/** The resources that have an effect, in the order in which they can be brought about. */
export function inOrderOfEffect(resources: StoredResource[]): StoredResource[] {
  return ORDER.flatMap((type) => resources.filter((resource) => resource.type === type));
}

/** Names on the way to a resource, from its id: `.../namespaces/N/topics/T/subscriptions/S/rules/R`. */
function placeOf({ id }: StoredResource): { namespace: string; entity: string; subscription: string; rule: string } {
  const [, rest] = id.split(/\/namespaces\//i);
  const [namespace = "", , entity = "", , subscription = "", , rule = ""] = (rest ?? "").split("/");
  // A slash in the name of an entity is a tilde in its id.
  return { namespace, entity: entity.replaceAll("~", "/"), subscription, rule };
}
