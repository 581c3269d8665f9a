import * as servicebus from "@pulumi/azure-native/servicebus";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { refuse } from "../support/inputs.js";
import type { ServiceBusArgs, TopicArgs } from "./args.js";
import { queueOrder, sameName } from "./forwarding.js";
import {
  MATCH_ALL,
  MATCH_NONE,
  queueProperties,
  ruleProperties,
  subscriptionProperties,
  topicProperties,
} from "./renderEntities.js";
import { namespaceProperties, networkRules } from "./renderNamespace.js";
import { DEFAULT_RULE, serviceBusProblems } from "./validate.js";

/** Ids of the entities by path, of each bus: a method may not keep state in a field, which would become an output. */
const idsByPath = new WeakMap<ServiceBus, Map<string, pulumi.Output<string>>>();

/**
 * An Azure Service Bus namespace with its network rules, queues, topics, subscriptions and rules.
 * Shared access keys are off, TLS is 1.2 or newer, and public access is always stated.
 */
export class ServiceBus extends pulumi.ComponentResource {
  /** Resource id of the namespace. */
  public readonly namespaceId: pulumi.Output<string>;
  /** Name of the namespace. */
  public readonly namespaceName: pulumi.Output<string>;
  /** Host that clients connect to, `contoso.servicebus.windows.net`; with a port where it is not the standard one. */
  public readonly host: pulumi.Output<string>;
  /** Resource ids of the entities by path: `renders`, `events`, `events/subscriptions/audit`. */
  public readonly entityIds: pulumi.Output<{ [path: string]: string }>;

  constructor(name: string, args: ServiceBusArgs, opts?: pulumi.ComponentResourceOptions) {
    refuse("ServiceBus", name, serviceBusProblems(args));
    super("stowage:index:ServiceBus", name, {}, opts);

    const { resourceGroupName, location, tags } = args;
    const namespace = new servicebus.Namespace(
      name,
      { resourceGroupName, location, ...namespaceProperties(args.namespace), ...defined({ tags }) },
      { parent: this },
    );
    const place = { resourceGroupName, namespaceName: namespace.name };
    // The rule set has no end of its own: it goes with its namespace, and deleting it fails (pulumi-azure-native #4064).
    new servicebus.NamespaceNetworkRuleSet(
      name,
      { ...place, ...networkRules(args.namespace) },
      { parent: this, retainOnDelete: true },
    );

    const ids = new Map<string, pulumi.Output<string>>();
    const entities = new Map<string, servicebus.Queue | servicebus.Topic>();
    /** What must be there before an entity that forwards to it. */
    const targetsOf = (from: { forwardTo?: string; forwardDeadLettersTo?: string }) => {
      const names = [from.forwardTo, from.forwardDeadLettersTo].filter((target) => target !== undefined);
      return [...entities].filter(([key]) => names.some((target) => sameName(target, key))).map(([, entity]) => entity);
    };

    for (const [key, topic] of Object.entries(args.topics ?? {})) {
      const entity = new servicebus.Topic(
        `${name}-${key}`,
        { ...place, topicName: key, ...topicProperties(topic) },
        { parent: this, deleteBeforeReplace: true },
      );
      entities.set(key, entity);
      ids.set(key, entity.id);
    }
    for (const key of queueOrder(args)) {
      const queue = args.queues?.[key] ?? {};
      const entity = new servicebus.Queue(
        `${name}-${key}`,
        { ...place, queueName: key, ...queueProperties(queue) },
        { parent: this, deleteBeforeReplace: true, dependsOn: targetsOf(queue) },
      );
      entities.set(key, entity);
      ids.set(key, entity.id);
    }
    for (const [key, topic] of Object.entries(args.topics ?? {})) {
      const topicName = entities.get(key)?.name ?? key;
      for (const [subscription, id] of subscriptions(this, name, key, topic, { ...place, topicName }, targetsOf))
        ids.set(`${key}/subscriptions/${subscription}`, id);
    }

    idsByPath.set(this, ids);
    this.namespaceId = namespace.id;
    this.namespaceName = namespace.name;
    this.host = namespace.serviceBusEndpoint.apply(hostOf);
    this.entityIds = pulumi.all(Object.fromEntries(ids));
    this.registerOutputs({
      namespaceId: this.namespaceId,
      namespaceName: this.namespaceName,
      host: this.host,
      entityIds: this.entityIds,
    });
  }

  /**
   * Resource id of one entity, by path; it depends on that entity alone.
   * Throws where there is no such entity, and says which there are.
   */
  entityId(path: string): pulumi.Output<string> {
    const ids = idsByPath.get(this);
    const id = ids?.get(path);
    if (id === undefined)
      throw new Error(`No entity "${path}" in this ServiceBus. It has ${[...(ids?.keys() ?? [])].join(", ")}.`);
    return id;
  }
}

/** Host, and port where it is not the standard one, of the endpoint that Azure returns. */
function hostOf(endpoint: string): string {
  return new URL(endpoint).host;
}

/** Registers a topic's subscriptions and their rules; gives the subscriptions' ids by name. */
function subscriptions(
  parent: ServiceBus,
  name: string,
  topicKey: string,
  topic: TopicArgs,
  place: Pick<servicebus.SubscriptionArgs, "resourceGroupName" | "namespaceName" | "topicName">,
  targetsOf: (from: { forwardTo?: string; forwardDeadLettersTo?: string }) => pulumi.Resource[],
): Map<string, pulumi.Output<string>> {
  const ids = new Map<string, pulumi.Output<string>>();
  for (const [key, settings] of Object.entries(topic.subscriptions ?? {})) {
    const subscription = new servicebus.Subscription(
      `${name}-${topicKey}/${key}`,
      { ...place, subscriptionName: key, ...subscriptionProperties(settings) },
      // Azure refuses a change of requiresSession, and its provider does not know that it must replace.
      { parent, deleteBeforeReplace: true, replaceOnChanges: ["requiresSession"], dependsOn: targetsOf(settings) },
    );
    ids.set(key, subscription.id);
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
    new servicebus.DefaultRule(
      `${name}-${topicKey}/${key}/${DEFAULT_RULE}`,
      { ...at, ...ruleProperties(ownDefault ?? (registered.length > 0 ? MATCH_NONE : MATCH_ALL)) },
      { parent, deleteBeforeReplace: true, dependsOn: registered },
    );
  }
  return ids;
}
