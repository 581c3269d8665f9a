import type * as pulumi from "@pulumi/pulumi";
import type { PrivateEndpointArgs } from "./networkArgs.js";

/** A key of one's own, by which the messages at rest are encrypted. */
export interface CustomerManagedKeyArgs {
  /**
   * Resource id of a user-assigned identity that may use the key: role Key Vault Crypto Service Encryption User. It is
   * adopted, and must have the role before the namespace is made. Changing this is made in place; an identity without
   * the role stops the namespace.
   */
  identityId: pulumi.Input<string>;
  /**
   * URI of the key vault or managed HSM, `https://contoso.vault.azure.net/`. The vault needs soft delete and purge
   * protection. Changing this is made in place; keep the old key until the new one is in use.
   */
  keyVaultUri: pulumi.Input<string>;
  /** Name of the key, 1 to 127 letters, digits or `-`. Changing this is made in place; keep the old key until then. */
  keyName: string;
  /**
   * Version of the key, 32 hex digits. Without one, the newest is used, and a rotated key is taken up by itself.
   * @default the newest
   */
  keyVersion?: string;
  /**
   * True where Azure encrypts a second time with a key of its own. It is fixed when the namespace is made.
   * @default false
   */
  infrastructureEncryption?: boolean;
}

/** A copy of the namespace, its messages included, in another region. Its host stays the same. */
export interface GeoReplicationArgs {
  /** Region of the copy, `northeurope`. Changing this deletes the copy and makes another; messages stay in the primary. */
  secondaryLocation: string;
  /**
   * How far the copy may lag before senders are throttled, in seconds: 0 for synchronous (no message is lost, and the
   * bus is up only while both regions are), or 300 to 86400 (a forced promotion loses at most so much). Nobody but you
   * knows which is right. Changed in place.
   */
  maxReplicationLagSeconds: number;
  /**
   * True once the second region was promoted: the roles are then stated as they are. It promotes nothing: that is an
   * action of Azure's (`az servicebus namespace failover`), and a role stated before it is refused.
   * @default false
   */
  promoted?: boolean;
}

/**
 * Geo-disaster recovery: a second namespace that holds the same entities and no message, and an alias that clients use
 * and that is moved to it by hand. What is not copied by Azure is made on both: network rules, private endpoints, keys,
 * autoscaling, diagnostics, alerts, locks. While both are paired Azure takes no change of the second.
 */
export interface DisasterRecoveryArgs {
  /**
   * The alias, by the rule of a namespace's name: what clients connect to in place of the namespace. Changing this
   * replaces the pairing: the old host is gone at once, and with it every client that uses it.
   */
  alias: string;
  /** Region of the second namespace, `northeurope`. Changing this replaces it, and Azure refuses that while it is paired. */
  location: string;
  /** Name of the second namespace, by the rule of the first. Changing this replaces it, which Azure refuses while paired. */
  name: string;
  /**
   * Resource group of the second namespace. It is adopted. Changing this replaces it, which Azure refuses while paired.
   * @default that of the first
   */
  resourceGroupName?: pulumi.Input<string>;
  /**
   * Private endpoints of the second namespace, by a key of one's own. Where the first has one, Azure pairs it only with
   * a namespace that has one as well.
   * @default none
   */
  privateEndpoints?: { [key: string]: PrivateEndpointArgs };
}

/** What a lock of Azure forbids. */
export const LockLevel = {
  /** Nothing in the namespace can be deleted, its queues and topics and the grants on it included. */
  CanNotDelete: "CanNotDelete",
  /** Nor can anything be changed or granted. */
  ReadOnly: "ReadOnly",
} as const;
export type LockLevel = (typeof LockLevel)[keyof typeof LockLevel];

/** A lock on the namespace. It is made after everything else in the bus, and taken away before. */
export interface NamespaceLockArgs {
  /**
   * What it forbids. To delete an entity or a grant under it, first take the lock away with an update of its own.
   * Changing this is made in place.
   */
  level: LockLevel;
  /**
   * Why it is there, up to 512 characters.
   * @default none
   */
  notes?: string;
}
