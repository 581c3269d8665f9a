import { type ServiceBusNamespaceArgs, ServiceBusTier } from "./namespaceArgs.js";

/** Whether every entity of a namespace is partitioned: on Premium that is the namespace's own setting. */
export function partitioned(namespace: ServiceBusNamespaceArgs): boolean {
  return namespace.tier === ServiceBusTier.Premium && (namespace.premiumMessagingPartitions ?? 1) > 1;
}
