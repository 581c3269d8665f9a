import { type Problem, problem } from "../../../runtime/contract/index.js";
import { PublicAccess, type ServiceBusEntitiesArgs, type ServiceBusNamespaceArgs, ServiceBusTier } from "../args.js";
import { alertProblems, autoscaleProblems, diagnosticsProblems } from "./monitoringProblems.js";
import { networkProblems } from "./networkProblems.js";
import { lockProblems, resilienceProblems } from "./resilienceProblems.js";

const filled = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.keys(value).length > 0 : value !== undefined;

/** Settings that only Premium has, and when a value makes use of them. Source: the service's table of tiers. */
const PREMIUM: { setting: keyof ServiceBusNamespaceArgs; used: (value: unknown) => boolean }[] = [
  { setting: "capacity", used: filled },
  { setting: "premiumMessagingPartitions", used: filled },
  { setting: "zoneRedundant", used: (value) => value === true },
  { setting: "publicAccess", used: (value) => value === PublicAccess.Disabled },
  { setting: "virtualNetworkRules", used: filled },
  { setting: "privateEndpoints", used: filled },
  { setting: "customerManagedKey", used: filled },
  { setting: "geoReplication", used: filled },
  { setting: "disasterRecovery", used: filled },
  { setting: "autoscale", used: filled },
];

function tierProblems(namespace: ServiceBusNamespaceArgs): Problem[] {
  const { tier } = namespace;
  if (tier === ServiceBusTier.Premium) return [];
  return PREMIUM.filter(({ setting, used }) => used(namespace[setting])).map(({ setting }) => {
    const value = namespace[setting];
    return problem(
      `namespace.${setting}`,
      typeof value === "object" ? undefined : value,
      `is not there on ${tier}, only on Premium`,
      "Remove it, or set namespace.tier to Premium",
    );
  });
}

/**
 * What Azure would refuse of a namespace whose settings are right one by one, or what would do nothing. `location` is the
 * namespace's region where it is known; anything else is not compared.
 */
export function namespaceProblems(args: ServiceBusEntitiesArgs, location?: unknown): Problem[] {
  const { namespace } = args;
  return [
    ...tierProblems(namespace),
    ...autoscaleProblems(namespace),
    ...networkProblems(namespace),
    ...resilienceProblems(args, location),
    ...diagnosticsProblems(namespace),
    ...alertProblems(args),
    ...lockProblems(args),
  ];
}
