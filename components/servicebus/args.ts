import type * as pulumi from "@pulumi/pulumi";
import type { QueueArgs, TopicArgs } from "./entityArgs.js";
import type { ServiceBusNamespaceArgs } from "./namespaceArgs.js";

export * from "./entityArgs.js";
export * from "./namespaceArgs.js";

/** A namespace and what is in it. */
export interface ServiceBusEntitiesArgs {
  /** The namespace. */
  namespace: ServiceBusNamespaceArgs;
  /**
   * Queues by name: 1 to 260 letters, digits, `.`, `-`, `_` or `/`, beginning with a letter or digit and ending with
   * one or `_`. In Azure's ids a `/` is a `~`; clients use the `/`. Renaming one replaces it and loses its messages.
   * Queues and topics share one set of names.
   */
  queues?: { [name: string]: QueueArgs };
  /** Topics by name, by the rule of queues. */
  topics?: { [name: string]: TopicArgs };
}

/** Arguments of ServiceBus. */
export interface ServiceBusArgs extends ServiceBusEntitiesArgs {
  /** Resource group that holds the namespace. Changing this replaces it and loses every message. */
  resourceGroupName: pulumi.Input<string>;
  /** Azure region, `westeurope`. Changing this replaces the namespace and loses every message. */
  location: pulumi.Input<string>;
  /** Tags of the namespace and of what is made for it. Changed in place, except on the second of geo-disaster recovery. */
  tags?: { [name: string]: string };
}
