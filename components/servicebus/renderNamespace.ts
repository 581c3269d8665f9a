import type * as servicebus from "@pulumi/azure-native/servicebus";
import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { publicAccess } from "./namespace/access.js";
import { initialUnits, partitionsOf } from "./namespace/units.js";
import {
  type CustomerManagedKeyArgs,
  type GeoReplicationArgs,
  MinimumTls,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "./namespaceArgs.js";

/** Where the namespace lies, and its name. */
type Place = "resourceGroupName" | "namespaceName" | "location" | "tags";

/**
 * A namespace's properties, as Azure takes them. What has a default is stated, so that a preview shows it. `location` is
 * that of the namespace.
 */
export function namespaceProperties(
  args: ServiceBusNamespaceArgs,
  location: pulumi.Input<string>,
): Omit<servicebus.NamespaceArgs, Place> {
  const { tier, customerManagedKey: key, geoReplication: copy } = args;
  const premium = tier === ServiceBusTier.Premium;
  return {
    sku: { name: tier, tier, ...(premium ? { capacity: initialUnits(args) } : {}) },
    minimumTlsVersion: args.minimumTls ?? MinimumTls.Tls12,
    disableLocalAuth: args.disableLocalAuth ?? true,
    publicNetworkAccess: publicAccess(args),
    ...(premium ? { zoneRedundant: args.zoneRedundant ?? true } : {}),
    ...(premium ? { premiumMessagingPartitions: partitionsOf(args) } : {}),
    ...(key === undefined ? {} : encryption(key)),
    ...(copy === undefined ? {} : { geoDataReplication: replication(copy, location) }),
  };
}

/** The key, and the identity that fetches it. */
function encryption(key: CustomerManagedKeyArgs): Pick<servicebus.NamespaceArgs, "identity" | "encryption"> {
  const { identityId, keyVaultUri, keyName, keyVersion } = key;
  return {
    identity: { type: "UserAssigned", userAssignedIdentities: [identityId] },
    encryption: {
      keySource: "Microsoft.KeyVault",
      keyVaultProperties: [
        { identity: { userAssignedIdentity: identityId }, keyVaultUri, keyName, ...defined({ keyVersion }) },
      ],
      requireInfrastructureEncryption: key.infrastructureEncryption ?? false,
    },
  };
}

/** Both regions with their roles, and how far the copy may lag. */
function replication(
  { secondaryLocation, maxReplicationLagSeconds, promoted }: GeoReplicationArgs,
  location: pulumi.Input<string>,
) {
  const [primary, secondary] = promoted === true ? [secondaryLocation, location] : [location, secondaryLocation];
  return {
    maxReplicationLagDurationInSeconds: maxReplicationLagSeconds,
    locations: [
      { locationName: primary, roleType: "Primary" },
      { locationName: secondary, roleType: "Secondary" },
    ],
  };
}
