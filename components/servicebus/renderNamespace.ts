import type * as servicebus from "@pulumi/azure-native/servicebus";
import { MinimumTls, PublicAccess, type ServiceBusNamespaceArgs, ServiceBusTier } from "./namespaceArgs.js";

/** Where the namespace's parts lie. */
type Place = "resourceGroupName" | "namespaceName";

/** A namespace's properties, as Azure takes them. What has a default is stated, so that a preview shows it. */
export function namespaceProperties(args: ServiceBusNamespaceArgs): Omit<servicebus.NamespaceArgs, Place> {
  const premium = args.tier === ServiceBusTier.Premium;
  return {
    ...(args.name === undefined ? {} : { namespaceName: args.name }),
    sku: { name: args.tier, tier: args.tier, ...(premium ? { capacity: args.capacity ?? 1 } : {}) },
    minimumTlsVersion: args.minimumTls ?? MinimumTls.Tls12,
    disableLocalAuth: args.disableLocalAuth ?? true,
    publicNetworkAccess: publicAccess(args),
    ...(premium ? { zoneRedundant: args.zoneRedundant ?? true } : {}),
  };
}

/** Disabled where it can be: only Premium has private endpoints. */
function publicAccess(args: ServiceBusNamespaceArgs): PublicAccess {
  return args.publicAccess ?? (args.tier === ServiceBusTier.Premium ? PublicAccess.Disabled : PublicAccess.Enabled);
}

/**
 * The network rules. They always state public access: where the field is left out, Azure opens a namespace
 * that was closed (pulumi-azure-native #4825).
 */
export function networkRules(args: ServiceBusNamespaceArgs): Omit<servicebus.NamespaceNetworkRuleSetArgs, Place> {
  const access = publicAccess(args);
  const ipRules = args.ipRules ?? [];
  const closed = access === PublicAccess.Disabled || ipRules.length > 0;
  return {
    publicNetworkAccess: access,
    defaultAction: closed ? "Deny" : "Allow",
    ipRules: ipRules.map((ipMask) => ({ ipMask, action: "Allow" })),
    trustedServiceAccessEnabled: args.trustedServices ?? false,
  };
}
