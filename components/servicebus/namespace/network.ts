import * as network from "@pulumi/azure-native/network";
import * as privatedns from "@pulumi/azure-native/privatedns";
import * as servicebus from "@pulumi/azure-native/servicebus";
import * as pulumi from "@pulumi/pulumi";
import {
  type PrivateDnsArgs,
  PrivateDnsSource,
  type PrivateEndpointArgs,
  PublicAccess,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "../namespaceArgs.js";
import { publicAccess } from "./access.js";
import type { Site } from "./site.js";

/** What of a namespace is reached by a private endpoint. Source: the service's list of sub-resources. */
const SUB_RESOURCE = "namespace";

/** Private zones of Service Bus, by how the names of a cloud's regions begin; anywhere else it is the public one. */
const ZONES: { regions: RegExp; zone: string }[] = [
  { regions: /^us(gov|dod)/, zone: "privatelink.servicebus.usgovcloudapi.net" },
  { regions: /^china/, zone: "privatelink.servicebus.chinacloudapi.cn" },
];

/** Name of the private zone that clients of a region look in. */
export function privateZoneName(location: string): string {
  const region = location.toLowerCase().replaceAll(" ", "");
  return ZONES.find(({ regions }) => regions.test(region))?.zone ?? "privatelink.servicebus.windows.net";
}

/**
 * The network rules. They always state public access: where the field is left out, Azure opens a namespace
 * that was closed (pulumi-azure-native #4825).
 */
export function networkRules(
  args: ServiceBusNamespaceArgs,
): Omit<servicebus.NamespaceNetworkRuleSetArgs, "resourceGroupName" | "namespaceName"> {
  const access = publicAccess(args);
  const { ipRules = [], virtualNetworkRules = [] } = args;
  const closed = access === PublicAccess.Disabled || ipRules.length + virtualNetworkRules.length > 0;
  return {
    publicNetworkAccess: access,
    defaultAction: closed ? "Deny" : "Allow",
    ipRules: ipRules.map((ipMask) => ({ ipMask, action: "Allow" })),
    ...(args.tier === ServiceBusTier.Premium
      ? {
          virtualNetworkRules: virtualNetworkRules.map((id) => ({
            subnet: { id },
            ignoreMissingVnetServiceEndpoint: false,
          })),
        }
      : {}),
    trustedServiceAccessEnabled: args.trustedServices ?? false,
  };
}

/** The zone in which the private endpoints are named: made here with its links, adopted, or none. */
export function registerZone(site: Site, dns: PrivateDnsArgs | undefined): pulumi.Input<string> | undefined {
  if (dns?.source !== PrivateDnsSource.Create) return dns?.zoneId;
  const { name, parent, resourceGroupName, tagged } = site;
  const zone = new privatedns.PrivateZone(
    name,
    {
      resourceGroupName,
      privateZoneName: pulumi.output(site.location).apply(privateZoneName),
      location: "global",
      ...tagged,
    },
    { parent },
  );
  for (const [key, id] of Object.entries(dns.virtualNetworkIds ?? {}))
    new privatedns.VirtualNetworkLink(
      `${name}-${key}`,
      {
        resourceGroupName,
        privateZoneName: zone.name,
        virtualNetworkLinkName: key,
        location: "global",
        virtualNetwork: { id },
        // Machines of the network do not name themselves in a zone of Azure's services.
        registrationEnabled: false,
        ...tagged,
      },
      // A network has one link to a zone.
      { parent, deleteBeforeReplace: true },
    );
  return zone.id;
}

/** Registers a namespace's network rules and private endpoints; gives what must be there before it is paired. */
export function registerNetwork(
  site: Site,
  namespace: servicebus.Namespace,
  args: ServiceBusNamespaceArgs,
  endpoints: { [key: string]: PrivateEndpointArgs },
  zoneId: pulumi.Input<string> | undefined,
): pulumi.Resource[] {
  const { resourceGroupName, parent } = site;
  // The rule set has no end of its own: it goes with its namespace, and deleting it fails (pulumi-azure-native #4064).
  const rules = new servicebus.NamespaceNetworkRuleSet(
    site.name,
    { resourceGroupName, namespaceName: namespace.name, ...networkRules(args) },
    { parent, retainOnDelete: true },
  );
  const made = Object.entries(endpoints).map(([key, endpoint]) =>
    registerEndpoint(site, key, endpoint, namespace, zoneId),
  );
  return [rules, ...made.flat()];
}

function registerEndpoint(
  site: Site,
  key: string,
  args: PrivateEndpointArgs,
  namespace: servicebus.Namespace,
  zoneId: pulumi.Input<string> | undefined,
): pulumi.Resource[] {
  const { resourceGroupName, parent } = site;
  const fixed =
    args.privateAddress === undefined
      ? {}
      : {
          ipConfigurations: [
            { name: key, groupId: SUB_RESOURCE, memberName: SUB_RESOURCE, privateIPAddress: args.privateAddress },
          ],
        };
  const endpoint = new network.PrivateEndpoint(
    `${site.name}-${key}`,
    {
      resourceGroupName,
      location: args.location ?? site.location,
      subnet: { id: args.subnetId },
      privateLinkServiceConnections: [{ name: key, privateLinkServiceId: namespace.id, groupIds: [SUB_RESOURCE] }],
      ...fixed,
      ...site.tagged,
    },
    // Azure refuses a change of these, and its provider does not know that it must replace. Of a connection Azure itself
    // changes the state: that is no reason.
    {
      parent,
      replaceOnChanges: ["privateLinkServiceConnections[*].privateLinkServiceId", "ipConfigurations", "location"],
    },
  );
  if (zoneId === undefined || args.registerDns === false) return [endpoint];
  const group = new network.PrivateDnsZoneGroup(
    `${site.name}-${key}`,
    {
      resourceGroupName,
      privateEndpointName: endpoint.name,
      privateDnsZoneGroupName: "default",
      privateDnsZoneConfigs: [{ name: "servicebus", privateDnsZoneId: zoneId }],
    },
    { parent },
  );
  return [endpoint, group];
}
