import { publicAccess } from "../namespace/access.js";
import { initialUnits } from "../namespace/units.js";
import {
  type GeoReplicationArgs,
  LockLevel,
  MinimumTls,
  PublicAccess,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "../namespaceArgs.js";
import { alertChanges, diagnosticsChanges, endpointChanges, keyChanges, recoveryChanges } from "./namespaceParts.js";
import { type ChangeTable, changed, type Finding, harmless, judged } from "./table.js";
import { ChangeEffect, type ChangeViolation, violation } from "./violation.js";

const { Downtime, LosesMessages, Opens, Refused, Silent } = ChangeEffect;

type Namespace = ServiceBusNamespaceArgs;

/** The rules that say who may use the public endpoint; without any, everybody may. */
function rulesOf(of: Namespace): unknown[] {
  return publicAccess(of) === PublicAccess.Disabled ? [] : [...(of.ipRules ?? []), ...(of.virtualNetworkRules ?? [])];
}

/** Whether the public endpoint takes every address. */
function open(of: Namespace): boolean {
  return publicAccess(of) === PublicAccess.Enabled && rulesOf(of).length === 0;
}

/** A change of who may come in: of one list of rules, as the other may still let in. */
function rulesFinding(
  setting: "ipRules" | "virtualNetworkRules",
  before: Namespace,
  after: Namespace,
): Finding | undefined {
  const listed: unknown[] = before[setting] ?? [];
  const now: unknown[] = after[setting] ?? [];
  // Whether there is an endpoint at all is judged as publicAccess.
  if (publicAccess(before) !== publicAccess(after) || publicAccess(after) === PublicAccess.Disabled) return undefined;
  if (open(after) && listed.length > 0)
    return {
      effect: Opens,
      reason: "no rule is left, and without any the public endpoint takes every address",
      fix: "Keep a rule, or set publicAccess to Disabled",
    };
  if (open(before) && now.length > 0)
    return {
      effect: Downtime,
      reason: "the public endpoint took every address, and refuses now whoever is not in a rule",
      fix: "See first who connects: the log VNetAndIPFilteringLogs on Premium, or the clients' own",
    };
  const gone = listed.filter((rule) => !now.includes(rule));
  if (gone.length === 0) return undefined;
  return {
    effect: Downtime,
    reason: `${gone.join(", ")} ${gone.length === 1 ? "is" : "are"} refused from now on, unless another rule lets them in`,
    fix: "Move who is there first",
  };
}

function accessFinding(before: Namespace, after: Namespace): Finding | undefined {
  const [was, is] = [publicAccess(before), publicAccess(after)];
  if (was === is) return undefined;
  if (is === PublicAccess.Disabled)
    return {
      effect: Downtime,
      reason: "whoever came by the public endpoint is cut off, and only private endpoints are left",
      fix: "Move clients to a private endpoint first",
    };
  return open(after)
    ? {
        effect: Opens,
        reason: "the public endpoint takes every address, as there are no rules",
        fix: "Give ipRules or virtualNetworkRules",
      }
    : { effect: Opens, reason: "there is a public endpoint for whoever is in its rules", fix: "Keep it Disabled" };
}

function tierFinding(old: unknown, now: unknown): Finding | undefined {
  if (old === ServiceBusTier.Premium || now === ServiceBusTier.Premium)
    return {
      effect: Refused,
      reason: "Azure moves no namespace to or from Premium",
      fix: "Make a second namespace and move over",
    };
  if (now === ServiceBusTier.Basic)
    return {
      effect: Refused,
      reason: "Azure refuses it while there are topics, sessions, duplicate detection or forwarding in the namespace",
      fix: "Keep Standard, or take them away in a deployment before this one",
    };
  return undefined;
}

function replicationFinding(
  old: GeoReplicationArgs | undefined,
  now: GeoReplicationArgs | undefined,
  before: Namespace,
): Finding | undefined {
  if (old === undefined)
    return now === undefined || before.disasterRecovery === undefined
      ? undefined
      : {
          effect: Refused,
          reason: "the namespace is paired for geo-disaster recovery",
          fix: "Break the pairing first",
        };
  if (now === undefined)
    return {
      effect: Silent,
      reason: `the copy in ${old.secondaryLocation} is deleted: an outage of the region stops the bus`,
      fix: "Keep it until there is another way to survive an outage",
    };
  if ((old.promoted ?? false) !== (now.promoted ?? false))
    return {
      effect: Refused,
      reason: "the roles change by a promotion alone, and Azure refuses those that are not so",
      fix: `Promote ${now.promoted === true ? now.secondaryLocation : "the first region"} first, then say so`,
    };
  if (old.secondaryLocation !== now.secondaryLocation)
    return {
      effect: Silent,
      reason: `the copy in ${old.secondaryLocation} is deleted, and until ${now.secondaryLocation} has all there is none`,
      fix: "Do it when an outage would do least harm",
    };
  const [was, is] = [old.maxReplicationLagSeconds, now.maxReplicationLagSeconds];
  if (is > was)
    return { effect: Silent, reason: `a forced promotion may lose ${is} seconds of messages`, fix: "Keep it lower" };
  if (is === 0 && was > 0)
    return {
      effect: Downtime,
      reason: "senders wait for both regions, and fail while either is down",
      fix: "Allow a lag, or see that senders can wait",
    };
  return is < was
    ? { effect: Downtime, reason: `senders are throttled where the copy lags ${is} seconds`, fix: "See its lag first" }
    : undefined;
}

/** Units of a namespace that nobody scales. */
function unitsFinding(before: Namespace, after: Namespace): Finding | undefined {
  if (after.autoscale !== undefined) return undefined;
  const most = before.autoscale?.maxUnits ?? initialUnits(before);
  const now = initialUnits(after);
  return now < most
    ? {
        effect: Downtime,
        reason: `${most} units become ${now}, and requests are throttled where the load is more than they bear`,
        fix: "See the namespace's load first",
      }
    : undefined;
}

const premium = (of: Namespace): boolean => of.tier === ServiceBusTier.Premium;

/** What a change of each setting of a namespace does, where it is more than what was asked for. */
const table: ChangeTable<Namespace> = {
  name: changed<string, Namespace>(undefined, () => ({
    effect: LosesMessages,
    reason: "the namespace is replaced: every message in it is lost, and its host is another",
    fix: "Make a second bus and move over",
  })),
  tier: changed<string, Namespace>(undefined, tierFinding),
  capacity: (_, __, before, after) => (premium(before) && premium(after) ? unitsFinding(before, after) : undefined),
  premiumMessagingPartitions: changed<number, Namespace>(1, () => ({
    effect: Refused,
    reason: "partitions are fixed when the namespace is made",
    fix: "Keep it, or make a second namespace and move over",
  })),
  minimumTls: changed<string, Namespace>(MinimumTls.Tls12, (_, now) =>
    now === MinimumTls.Tls13
      ? { effect: Downtime, reason: "clients that speak TLS 1.2 are refused", fix: "See first that all speak 1.3" }
      : { effect: Opens, reason: "clients may speak TLS 1.2 again", fix: "Keep 1.3" },
  ),
  disableLocalAuth: changed<boolean, Namespace>(true, (_, now) =>
    now === true
      ? { effect: Downtime, reason: "clients with shared access keys are refused", fix: "Give them identities first" }
      : { effect: Opens, reason: "whoever has a key comes in, without an identity", fix: "Give clients identities" },
  ),
  publicAccess: (_, __, before, after) => accessFinding(before, after),
  ipRules: (_, __, before, after) => rulesFinding("ipRules", before, after),
  virtualNetworkRules: (_, __, before, after) => rulesFinding("virtualNetworkRules", before, after),
  trustedServices: changed<boolean, Namespace>(false, (_, now) =>
    now === true
      ? undefined
      : {
          effect: Downtime,
          reason: "Azure's own services pass the network rules no more",
          fix: "See which deliver here",
        },
  ),
  zoneRedundant: (old, now, before, after) =>
    premium(before) && premium(after) && (old ?? true) !== (now ?? true)
      ? {
          effect: Silent,
          reason: "Azure spreads a namespace over zones where a region has them, and keeps it so",
          fix: "Keep it",
        }
      : undefined,
  geoReplication: replicationFinding,
  // An autoscaler that goes leaves its units to capacity, which is judged above.
  autoscale: (old, now) =>
    old !== undefined && now !== undefined && now.maxUnits < old.maxUnits
      ? {
          effect: Downtime,
          reason: `there are at most ${now.maxUnits} units in place of ${old.maxUnits}, and requests are throttled above their load`,
          fix: "See the namespace's load first",
        }
      : undefined,
  lock: (old, now) =>
    old !== undefined && (now === undefined || (old.level === LockLevel.ReadOnly && now.level !== old.level))
      ? {
          effect: Opens,
          reason: now === undefined ? "the namespace can be deleted" : "the namespace can be changed",
          fix: "Put it back in the next deployment",
        }
      : undefined,
  // Judged part by part.
  privateEndpoints: harmless,
  privateDns: harmless,
  customerManagedKey: harmless,
  disasterRecovery: harmless,
  diagnostics: harmless,
  alerts: harmless,
};

/** What Azure would have to change on the second namespace as well, which it refuses while both are paired. */
const COPIED: (keyof Namespace)[] = [
  "minimumTls",
  "disableLocalAuth",
  "publicAccess",
  "ipRules",
  "virtualNetworkRules",
  "trustedServices",
  "zoneRedundant",
  "customerManagedKey",
];

function pairedChanges(before: Namespace, after: Namespace): ChangeViolation[] {
  if (before.disasterRecovery === undefined || after.disasterRecovery === undefined) return [];
  const settings = after.autoscale === undefined ? [...COPIED, "capacity" as const] : COPIED;
  return settings
    .filter((setting) => JSON.stringify(before[setting]) !== JSON.stringify(after[setting]))
    .map((setting) =>
      violation(
        Refused,
        `namespace.${setting}`,
        after[setting],
        "would be changed on the second namespace as well, and Azure changes none that is paired",
        "Break the pairing first: az servicebus georecovery-alias break-pair",
      ),
    );
}

/** What a lock that stays keeps from being done. */
function lockedChanges(before: Namespace, after: Namespace, others: ChangeViolation[]): ChangeViolation[] {
  if (before.lock === undefined || after.lock === undefined) return [];
  const replaced = others.find(({ effect, path }) => effect === LosesMessages && path === "namespace.name");
  if (replaced !== undefined)
    return [
      violation(
        Refused,
        "namespace.lock",
        after.lock.level,
        "keeps the old namespace from being deleted",
        "Take the lock away in a deployment before this one",
      ),
    ];
  if (before.lock.level !== LockLevel.ReadOnly || JSON.stringify(before) === JSON.stringify(after)) return [];
  return [
    violation(
      Refused,
      "namespace.lock",
      after.lock.level,
      "keeps the namespace from being changed",
      "Take the lock away in a deployment before this one",
    ),
  ];
}

/**
 * What a change of a namespace does beyond what was asked for; nothing where it is safe. Both must be valid, and their
 * ids known: an output is not compared.
 */
export function namespaceChanges(before: Namespace, after: Namespace): ChangeViolation[] {
  const found = [
    ...judged(table, "namespace", before, after),
    ...endpointChanges(before, after),
    ...keyChanges(before.customerManagedKey, after.customerManagedKey),
    ...recoveryChanges(before, after),
    ...diagnosticsChanges(before, after),
    ...alertChanges(before.alerts, after.alerts),
    ...pairedChanges(before, after),
  ];
  return [...found, ...lockedChanges(before, after, found)];
}
