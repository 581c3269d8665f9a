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
  /** Tier. A namespace cannot be moved to or from Premium in place. */
  tier: ServiceBusTier;
  /**
   * Messaging units, 1, 2, 4, 8 or 16. Premium only.
   * @default 1
   */
  capacity?: number;
  /**
   * Lowest TLS version of clients.
   * @default "1.2"
   */
  minimumTls?: MinimumTls;
  /**
   * True where only Entra ID identities may log in, not shared access keys.
   * @default true
   */
  disableLocalAuth?: boolean;
  /**
   * Whether there is a public endpoint. Only Premium can do without one, as only it has private endpoints.
   * @default Disabled on Premium, Enabled below
   */
  publicAccess?: PublicAccess;
  /**
   * IPv4 addresses or ranges (`203.0.113.0/28`) that may use the public endpoint; all others are refused.
   * Without any, the public endpoint takes every address.
   * @default none
   */
  ipRules?: string[];
  /**
   * True where Azure's own trusted services pass the network rules.
   * @default false
   */
  trustedServices?: boolean;
  /**
   * True where the namespace is spread over availability zones. Premium only.
   * @default true on Premium
   */
  zoneRedundant?: boolean;
}
