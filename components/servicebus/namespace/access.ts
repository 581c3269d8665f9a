import { PublicAccess, type ServiceBusNamespaceArgs, ServiceBusTier } from "../namespaceArgs.js";

/** Whether there is a public endpoint: none where it can be so, as only Premium has private endpoints. */
export function publicAccess(args: ServiceBusNamespaceArgs): PublicAccess {
  return args.publicAccess ?? (args.tier === ServiceBusTier.Premium ? PublicAccess.Disabled : PublicAccess.Enabled);
}
