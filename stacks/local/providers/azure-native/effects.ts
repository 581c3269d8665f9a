import type { PropertyMap, StoredResource } from "../base/index.js";

/** Properties of a queue, topic, subscription or rule as Azure shows them, with its defaults; durations in ISO 8601. */
export type EntityProperties = Readonly<PropertyMap>;

/**
 * What the life of Service Bus resources brings about: an embedded broker. Every operation may come again for what is
 * there (or gone) already: the effects of an earlier run are replayed when the stand-in starts on its state.
 */
export interface ServiceBusEffects {
  /** @returns the endpoint that clients speak to: `http://127.0.0.1:PORT/` */
  namespaceCreated(name: string): Promise<{ endpoint: string }>;
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
}

/** Types with an effect, each after those it lies in. */
const ORDER = ["Namespace", "Topic", "Queue", "Subscription", "Rule", "DefaultRule"].map(
  (name) => `azure-native:servicebus:${name}`,
);

/** Brings a resource about in the broker; gives the outputs that come from there. */
export async function put(effects: ServiceBusEffects, resource: StoredResource): Promise<PropertyMap> {
  const { namespace, entity, subscription, rule } = placeOf(resource);
  switch (resource.type) {
    case "azure-native:servicebus:Namespace":
      return { serviceBusEndpoint: (await effects.namespaceCreated(namespace)).endpoint };
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
  }
  return {};
}

/** Takes a resource out of the broker. */
export async function remove(effects: ServiceBusEffects, resource: StoredResource): Promise<void> {
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
  }
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
