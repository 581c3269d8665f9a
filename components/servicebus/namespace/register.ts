import * as authorization from "@pulumi/azure-native/authorization";
import * as servicebus from "@pulumi/azure-native/servicebus";
import type * as pulumi from "@pulumi/pulumi";
import { defined } from "../../../runtime/contract/index.js";
import type { NamespaceLockArgs, ServiceBusArgs, ServiceBusNamespaceArgs } from "../args.js";
import { namespaceProperties } from "../renderNamespace.js";
import { registerAlerts } from "./alerts.js";
import { registerAutoscale } from "./autoscale.js";
import { registerDiagnostics } from "./diagnostics.js";
import { registerNetwork, registerZone } from "./network.js";
import type { Site } from "./site.js";
import { initialUnits } from "./units.js";

/** A namespace, where it stands, and what surrounds it that a pairing needs. */
interface RegisteredNamespace {
  site: Site;
  namespace: servicebus.Namespace;
  network: pulumi.Resource[];
}

/** The namespace, and the second one where there is geo-disaster recovery. */
export interface RegisteredNamespaces {
  first: RegisteredNamespace;
  second?: RegisteredNamespace;
}

/** Registers a bus's namespaces with their network, diagnostics, alerts and autoscaling: all but what goes last. */
export function registerNamespaces(parent: pulumi.Resource, name: string, args: ServiceBusArgs): RegisteredNamespaces {
  const { resourceGroupName, location, tags } = args;
  const { privateEndpoints = {}, disasterRecovery: pair } = args.namespace;
  const site: Site = { name, parent, resourceGroupName, location, tagged: defined({ tags }), secondary: false };
  const zoneId = registerZone(site, args.namespace.privateDns);
  const first = registerNamespace(site, args.namespace, args.namespace.name, privateEndpoints, zoneId);
  if (pair === undefined) return { first };
  const other: Site = {
    ...site,
    name: `${name}-secondary`,
    resourceGroupName: pair.resourceGroupName ?? resourceGroupName,
    location: pair.location,
    secondary: true,
  };
  return { first, second: registerNamespace(other, args.namespace, pair.name, pair.privateEndpoints ?? {}, zoneId) };
}

function registerNamespace(
  site: Site,
  args: ServiceBusNamespaceArgs,
  namespaceName: string | undefined,
  endpoints: Parameters<typeof registerNetwork>[3],
  zoneId: pulumi.Input<string> | undefined,
): RegisteredNamespace {
  const { resourceGroupName, location, parent, tagged } = site;
  const ignoreChanges = [
    // The units are Azure Monitor's from then on: what they were at first is no wish.
    ...(args.autoscale === undefined ? [] : ["sku.capacity"]),
    // Azure takes no change of a namespace that is paired as the second, and tags are no reason to break a pairing.
    ...(site.secondary ? ["tags"] : []),
  ];
  const namespace = new servicebus.Namespace(
    site.name,
    { resourceGroupName, location, ...defined({ namespaceName }), ...namespaceProperties(args, location), ...tagged },
    { parent, ignoreChanges },
  );
  const network = registerNetwork(site, namespace, args, endpoints, zoneId);
  registerDiagnostics(site, namespace.id, args.diagnostics ?? {}, args.tier);
  if (args.alerts !== undefined) registerAlerts(site, namespace.id, args.alerts);
  if (args.autoscale !== undefined) registerAutoscale(site, namespace.id, args.autoscale, initialUnits(args));
  return { site, namespace, network };
}

/**
 * Registers what goes last: the pairing, once both namespaces are reached alike and the entities to copy are there, and
 * the locks, which would be in the way of everything else. `entities` are the bus's own.
 */
export function registerLast(
  { namespace: args }: ServiceBusArgs,
  { first, second }: RegisteredNamespaces,
  entities: pulumi.Resource[],
): servicebus.DisasterRecoveryConfig | undefined {
  const pair = args.disasterRecovery;
  const { name, parent, resourceGroupName } = first.site;
  const pairing =
    pair === undefined || second === undefined
      ? undefined
      : new servicebus.DisasterRecoveryConfig(
          name,
          {
            resourceGroupName,
            namespaceName: first.namespace.name,
            alias: pair.alias,
            partnerNamespace: second.namespace.id,
          },
          {
            parent,
            // A namespace has one pairing.
            deleteBeforeReplace: true,
            dependsOn: [...first.network, ...second.network, ...entities],
          },
        );
  const before = [
    ...first.network,
    ...(second?.network ?? []),
    ...entities,
    ...(pairing === undefined ? [] : [pairing]),
  ];
  if (args.lock !== undefined)
    for (const each of second === undefined ? [first] : [first, second]) registerLock(each, args.lock, before);
  return pairing;
}

function registerLock(
  { site, namespace }: RegisteredNamespace,
  lock: NamespaceLockArgs,
  before: pulumi.Resource[],
): void {
  const { level, notes } = lock;
  new authorization.ManagementLockByScope(
    site.name,
    { scope: namespace.id, level, ...defined({ notes }) },
    { parent: site.parent, dependsOn: before },
  );
}
