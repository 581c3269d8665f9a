import type * as pulumi from "@pulumi/pulumi";
import type { AutoscaleArgs, DiagnosticsArgs, NamespaceAlertsArgs } from "./namespace/monitoringArgs.js";
import type { PrivateDnsArgs, PrivateEndpointArgs } from "./namespace/networkArgs.js";
import type {
  CustomerManagedKeyArgs,
  DisasterRecoveryArgs,
  GeoReplicationArgs,
  NamespaceLockArgs,
} from "./namespace/resilienceArgs.js";

export * from "./namespace/monitoringArgs.js";
export * from "./namespace/networkArgs.js";
export * from "./namespace/resilienceArgs.js";

/** Tiers of a namespace. */
export const ServiceBusTier = {
  /** Queues alone: no topics, sessions, duplicate detection or forwarding. */
  Basic: "Basic",
  Standard: "Standard",
  /** Capacity of one's own in messaging units, large messages, private endpoints. */
  Premium: "Premium",
} as const;
export type ServiceBusTier = (typeof ServiceBusTier)[keyof typeof ServiceBusTier];

/** Lowest TLS version that clients may speak. */
export const MinimumTls = {
  Tls12: "1.2",
  Tls13: "1.3",
} as const;
export type MinimumTls = (typeof MinimumTls)[keyof typeof MinimumTls];

/** Whether the namespace has a public endpoint. */
export const PublicAccess = {
  Enabled: "Enabled",
  Disabled: "Disabled",
} as const;
export type PublicAccess = (typeof PublicAccess)[keyof typeof PublicAccess];

/** The namespace: what all entities share. */
export interface ServiceBusNamespaceArgs {
  /**
   * Name, unique in all of Azure: 6 to 50 letters, digits and `-`, the first a letter, the last a letter or digit.
   * Changing this replaces the namespace and loses every message in it.
   * @default the component's name with a random suffix
   */
  name?: string;
  /**
   * Tier. Between Basic and Standard it is changed in place, downwards as far as nothing uses what Basic lacks. Azure
   * refuses a change to or from Premium: make a second namespace and move over.
   */
  tier: ServiceBusTier;
  /**
   * Messaging units, 1, 2, 4, 8 or 16, each times `premiumMessagingPartitions`. Premium only. Changed in place, without
   * loss; fewer may throttle. With `autoscale` it is what the namespace begins with, and no change of it is made.
   * @default as many as there are partitions; with autoscale its fewest
   */
  capacity?: number;
  /**
   * Partitions, 1, 2 or 4: above 1 every entity is spread over as many brokers, and there are no others. Premium only.
   * It is fixed when the namespace is made: Azure refuses a change.
   * @default 1
   */
  premiumMessagingPartitions?: number;
  /**
   * Lowest TLS version of clients. Changed in place; clients below it are refused.
   * @default "1.2"
   */
  minimumTls?: MinimumTls;
  /**
   * True where only Entra ID identities may log in, not shared access keys. Changed in place: clients with keys are
   * refused, and are let in by `false`.
   * @default true
   */
  disableLocalAuth?: boolean;
  /**
   * Whether there is a public endpoint. Only Premium can do without one, as only it has private endpoints; without
   * either, nobody but trusted services reaches the bus. Changed in place.
   * @default Disabled on Premium, Enabled below
   */
  publicAccess?: PublicAccess;
  /**
   * IPv4 addresses or ranges (`203.0.113.0/28`) that may use the public endpoint; all others are refused.
   * Without any rule, the public endpoint takes every address. Changed in place.
   * @default none
   */
  ipRules?: string[];
  /**
   * Resource ids of subnets that may use the public endpoint through their service endpoint `Microsoft.ServiceBus`; all
   * others are refused. Premium only. Changed in place.
   * @default none
   */
  virtualNetworkRules?: pulumi.Input<string>[];
  /**
   * True where Azure's own trusted services pass the network rules. Changed in place.
   * @default false
   */
  trustedServices?: boolean;
  /**
   * Private endpoints, by a key of one's own: addresses in virtual networks by which the namespace is reached. Premium
   * only. One that goes cuts off whoever uses it.
   * @default none
   */
  privateEndpoints?: { [key: string]: PrivateEndpointArgs };
  /**
   * How names are resolved to the private endpoints. Needed where there are any.
   * @default none
   */
  privateDns?: PrivateDnsArgs;
  /**
   * True where the namespace is spread over availability zones. Premium only. Azure does so by itself in regions that
   * have zones, whatever is said here.
   * @default true on Premium
   */
  zoneRedundant?: boolean;
  /**
   * A key of one's own for messages at rest. Premium only. Azure takes it for a new or empty namespace alone, and never
   * lets it go again: without it the namespace must be made anew. Whoever loses the key loses every message.
   * @default a key of Azure's
   */
  customerManagedKey?: CustomerManagedKeyArgs;
  /**
   * A copy with every message in another region. Premium only; not with `disasterRecovery`, nor with messages above
   * 1024 KB. Taking it away deletes the copy.
   * @default none
   */
  geoReplication?: GeoReplicationArgs;
  /**
   * A second namespace with the same entities, without messages, behind an alias. Premium only; not with
   * `geoReplication`. Before it is taken away, break the pairing, or Azure refuses.
   * @default none
   */
  disasterRecovery?: DisasterRecoveryArgs;
  /**
   * Where logs and metrics go, by a key of one's own.
   * @default nowhere
   */
  diagnostics?: { [key: string]: DiagnosticsArgs };
  /**
   * Alerts on the namespace's metrics.
   * @default none
   */
  alerts?: NamespaceAlertsArgs;
  /**
   * Autoscaling of messaging units. Premium only.
   * @default none
   */
  autoscale?: AutoscaleArgs;
  /**
   * A lock that keeps the namespace from being deleted or changed.
   * @default none
   */
  lock?: NamespaceLockArgs;
}
