import type { ServiceBusNamespaceArgs } from "../namespaceArgs.js";

/** Messaging units that one partition can have. Source: the service's API, `sku.capacity`. */
const PER_PARTITION = [1, 2, 4, 8, 16];

/** Partitions of a premium namespace. */
export function partitionsOf(namespace: ServiceBusNamespaceArgs): number {
  return namespace.premiumMessagingPartitions ?? 1;
}

/** Messaging units that a premium namespace with so many partitions can have. */
export function allowedUnits(partitions: number): number[] {
  return PER_PARTITION.map((units) => units * partitions);
}

/** Messaging units that a premium namespace is made with. */
export function initialUnits(namespace: ServiceBusNamespaceArgs): number {
  return namespace.capacity ?? namespace.autoscale?.minUnits ?? partitionsOf(namespace);
}

/** Messaging units that a premium namespace has at any time: what its quotas are counted by. */
export function fewestUnits(namespace: ServiceBusNamespaceArgs): number {
  return namespace.autoscale?.minUnits ?? initialUnits(namespace);
}
