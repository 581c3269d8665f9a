import * as servicebus from "@pulumi/azure-native/servicebus";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "../support/inputs.js";
import { notify } from "../support/notices.js";
import { stated } from "../support/schema.js";
import type { ServiceBusArgs, TopicArgs } from "./args.js";
import { entityOrder, type Forwarding, targetsOf } from "./forwarding.js";
import { nameKey } from "./hops.js";
import { armName, DEFAULT_RULE } from "./names.js";
import { hostOf, secondaryIds } from "./namespace/ids.js";
import { registerLast, registerNamespaces } from "./namespace/register.js";
import { serviceBusNotices } from "./notices.js";
import {
  MATCH_ALL,
  MATCH_NONE,
  queueProperties,
  ruleProperties,
  subscriptionProperties,
  topicProperties,
} from "./renderEntities.js";
import { busProblems } from "./validate.js";

/** Ids of the entities by path, of each bus: a method may not keep state in a field, which would become an output. */
const idsByPath = new WeakMap<ServiceBus, Map<string, pulumi.Output<string>>>();
/** Ids that the same entities have in the second namespace, of each bus that has one. */
const secondaryIdsByPath = new WeakMap<ServiceBus, Map<string, pulumi.Output<string>>>();

/**
 * An Azure Service Bus namespace with what surrounds it (network, private endpoints, a second region, diagnostics,
 * alerts, autoscaling, lock), and its queues, topics, subscriptions and rules.
 * Shared access keys are off, TLS is 1.2 or newer, and public access is always stated.
 */
export class ServiceBus extends pulumi.ComponentResource {
  /** Resource id of the namespace. */
  public readonly namespaceId: pulumi.Output<string>;
  /** Name of the namespace. */
  public readonly namespaceName: pulumi.Output<string>;
  /** Name that clients use in place of the namespace's: the alias of geo-disaster recovery, or else its own. */
  public readonly clientName: pulumi.Output<string>;
  /**
   * Host that clients connect to, `contoso.servicebus.windows.net`: that of the alias where there is geo-disaster
   * recovery. With a port where it is not the standard one.
   */
  public readonly host: pulumi.Output<string>;
  /** Resource id of the second namespace of geo-disaster recovery; empty where there is none. */
  public readonly secondaryNamespaceId: pulumi.Output<string>;
  /** Name of the second namespace of geo-disaster recovery; empty where there is none. */
  public readonly secondaryNamespaceName: pulumi.Output<string>;
  /** Resource ids of the entities by path: `renders`, `events`, `events/subscriptions/audit`. */
  public readonly entityIds: pulumi.Output<{ [path: string]: string }>;

  constructor(name: string, args: ServiceBusArgs, opts?: pulumi.ComponentResourceOptions) {
    const given = stated(args);
    refuse("ServiceBus", name, busProblems(given));
    super("stowage:index:ServiceBus", name, {}, opts);
    notify(this, serviceBusNotices(given));

    const namespaces = registerNamespaces(this, name, given);
    const { namespace } = namespaces.first;
    const place = { resourceGroupName: given.resourceGroupName, namespaceName: namespace.name };

    const ids = new Map<string, pulumi.Output<string>>();
    /** What must be there before anything is forwarded to an entity: with a topic, its subscriptions with their rules. */
    const made = new Map<string, pulumi.Resource[]>();
    const needed: Needed = (from) => [
      ...new Set(targetsOf(from).flatMap(({ target }) => made.get(nameKey(target)) ?? [])),
    ];

    for (const key of entityOrder(given)) {
      const queue = given.queues?.[key];
      const topic = given.topics?.[key];
      if (queue !== undefined) {
        const entity = new servicebus.Queue(
          `${name}-${key}`,
          { ...place, queueName: armName(key), ...queueProperties(queue, given.namespace) },
          { parent: this, deleteBeforeReplace: true, dependsOn: needed(queue) },
        );
        made.set(nameKey(key), [entity]);
        ids.set(key, entity.id);
      }
      if (topic !== undefined) {
        const entity = new servicebus.Topic(
          `${name}-${key}`,
          { ...place, topicName: armName(key), ...topicProperties(topic, given.namespace) },
          { parent: this, deleteBeforeReplace: true },
        );
        ids.set(key, entity.id);
        const at = { ...place, topicName: entity.name.apply(armName) };
        const parts = subscriptions(this, name, key, topic, at, needed);
        for (const [path, id] of parts.ids) ids.set(path, id);
        made.set(nameKey(key), [entity, ...parts.last]);
      }
    }

    const pairing = registerLast(given, namespaces, [...new Set([...made.values()].flat())]);
    const second = namespaces.second?.namespace;
    if (second !== undefined && pairing !== undefined)
      secondaryIdsByPath.set(this, secondaryIds(ids, namespace.id, second.id, pairing));

    idsByPath.set(this, ids);
    this.namespaceId = namespace.id;
    this.namespaceName = namespace.name;
    this.clientName = pairing?.name ?? namespace.name;
    this.host = pulumi
      .all([namespace.serviceBusEndpoint, namespace.name, this.clientName])
      .apply(([endpoint, own, client]) => hostOf(endpoint, own, client));
    this.secondaryNamespaceId = second?.id ?? pulumi.output("");
    this.secondaryNamespaceName = second?.name ?? pulumi.output("");
    this.entityIds = pulumi.all(Object.fromEntries(ids));
    this.registerOutputs({
      namespaceId: this.namespaceId,
      namespaceName: this.namespaceName,
      clientName: this.clientName,
      host: this.host,
      secondaryNamespaceId: this.secondaryNamespaceId,
      secondaryNamespaceName: this.secondaryNamespaceName,
      entityIds: this.entityIds,
    });
  }

  /**
   * Resource id of one entity, by path; it depends on that entity alone.
   * Throws where there is no such entity, and says which there are.
   */
  entityId(path: string): pulumi.Output<string> {
    return idAt(path, idsByPath.get(this) ?? new Map());
  }

  /**
   * Resource id that the same entity has in the second namespace of geo-disaster recovery. Azure makes it there by
   * itself once both are paired, 50 to 100 entities a minute, so that the id is known after the pairing.
   * Throws where there is no second namespace, or no such entity.
   */
  secondaryEntityId(path: string): pulumi.Output<string> {
    const ids = secondaryIdsByPath.get(this);
    if (ids === undefined)
      throw new Error("This ServiceBus has no second namespace. Set namespace.disasterRecovery to have one.");
    return idAt(path, ids);
  }
}

function idAt(path: string, ids: Map<string, pulumi.Output<string>>): pulumi.Output<string> {
  const id = ids.get(path);
  if (id === undefined)
    throw new Error(`No entity "${path}" in this ServiceBus. It has ${[...ids.keys()].sort().join(", ")}.`);
  return id;
}

/** The resources that must be there before an entity that forwards. */
type Needed = (from: Forwarding) => pulumi.Resource[];

/** Registers a topic's subscriptions and their rules; gives the subscriptions' ids by path, and what comes last in each. */
function subscriptions(
  parent: ServiceBus,
  name: string,
  topicKey: string,
  topic: TopicArgs,
  place: Pick<servicebus.SubscriptionArgs, "resourceGroupName" | "namespaceName" | "topicName">,
  needed: Needed,
): { ids: Map<string, pulumi.Output<string>>; last: pulumi.Resource[] } {
  const ids = new Map<string, pulumi.Output<string>>();
  const last: pulumi.Resource[] = [];
  for (const [key, settings] of Object.entries(topic.subscriptions ?? {})) {
    const subscription = new servicebus.Subscription(
      `${name}-${topicKey}/${key}`,
      { ...place, subscriptionName: key, ...subscriptionProperties(settings) },
      // Azure refuses a change of requiresSession, and its provider does not know that it must replace.
      { parent, deleteBeforeReplace: true, replaceOnChanges: ["requiresSession"], dependsOn: needed(settings) },
    );
    ids.set(`${topicKey}/subscriptions/${key}`, subscription.id);
    const { [DEFAULT_RULE]: ownDefault, ...rules } = settings.rules ?? {};
    const at = { ...place, subscriptionName: subscription.name };
    const registered = Object.entries(rules).map(
      ([rule, condition]) =>
        new servicebus.Rule(
          `${name}-${topicKey}/${key}/${rule}`,
          { ...at, ruleName: rule, ...ruleProperties(condition) },
          { parent, deleteBeforeReplace: true },
        ),
    );
    // Azure's own rule is there with each subscription: a Rule of its name is refused, the provider has a type of its
    // own for changing it. It is stated always: left out with the last rule, it would be deleted, and no message would
    // come any more. It goes last, so that none is missed while the others are made.
    last.push(
      new servicebus.DefaultRule(
        `${name}-${topicKey}/${key}/${DEFAULT_RULE}`,
        { ...at, ...ruleProperties(ownDefault ?? (registered.length > 0 ? MATCH_NONE : MATCH_ALL)) },
        { parent, deleteBeforeReplace: true, dependsOn: registered },
      ),
    );
  }
  return { ids, last };
}
