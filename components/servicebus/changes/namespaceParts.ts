import { ALERTS } from "../namespace/alerts.js";
import { logsOf } from "../namespace/diagnostics.js";
import type {
  CustomerManagedKeyArgs,
  NamespaceAlertsArgs,
  PrivateEndpointArgs,
  ServiceBusNamespaceArgs,
} from "../namespaceArgs.js";
import { PrivateDnsSource } from "../namespaceArgs.js";
import { ChangeEffect, type ChangeViolation, violation } from "./violation.js";

const { Downtime, Refused, Silent } = ChangeEffect;

type Namespace = ServiceBusNamespaceArgs;
type Endpoints = { [key: string]: PrivateEndpointArgs };

const was = (value: unknown): string => (value === undefined ? "was left out" : `was ${JSON.stringify(value)}`);
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Settings of an endpoint whose change makes a new one. */
const REPLACING = ["subnetId", "location", "privateAddress"] as const;

/** Endpoints that go or are replaced, and names that are resolved no more. */
export function endpointChanges(before: Namespace, after: Namespace): ChangeViolation[] {
  return [
    ...endpointsOf("namespace.privateEndpoints", before.privateEndpoints, after.privateEndpoints),
    ...(after.disasterRecovery === undefined
      ? []
      : endpointsOf(
          "namespace.disasterRecovery.privateEndpoints",
          before.disasterRecovery?.privateEndpoints,
          after.disasterRecovery.privateEndpoints,
        )),
    ...dnsChanges(before, after),
  ];
}

function endpointsOf(path: string, before: Endpoints = {}, after: Endpoints = {}): ChangeViolation[] {
  return Object.entries(before).flatMap(([key, old]) => {
    const now = after[key];
    const at = `${path}.${key}`;
    if (now === undefined)
      return [violation(Downtime, at, undefined, "goes, and whoever came by it is cut off", "Move its clients first")];
    const found = REPLACING.filter((setting) => !same(old[setting], now[setting])).map((setting) =>
      violation(
        Downtime,
        `${at}.${setting}`,
        now[setting],
        `${was(old[setting])}: the endpoint is replaced, its address is another, and clients connect anew`,
        "Do it when clients may be interrupted",
      ),
    );
    if (old.registerDns !== false && now.registerDns === false)
      found.push(
        violation(
          Downtime,
          `${at}.registerDns`,
          false,
          "the name of the namespace is resolved to this endpoint no more",
          "See that another one has it",
        ),
      );
    return found;
  });
}

function dnsChanges({ privateDns: old }: Namespace, { privateDns: now }: Namespace): ChangeViolation[] {
  if (old === undefined || old.source === PrivateDnsSource.None) return [];
  const path = "namespace.privateDns";
  if (now === undefined || now.source !== old.source || !same(now.zoneId, old.zoneId))
    return [
      violation(
        Downtime,
        path,
        now?.source,
        `was ${old.source}: the record leaves its zone, and until another is seen clients find the public address`,
        "Link the clients' networks to the new zone first",
      ),
    ];
  return Object.entries(old.virtualNetworkIds ?? {}).flatMap(([key, id]) => {
    const other = now.virtualNetworkIds?.[key];
    if (same(other, id)) return [];
    const reason = `${was(id)}: machines of that network find the public address from now on`;
    return [
      violation(Downtime, `${path}.virtualNetworkIds.${key}`, other, reason, "Add the other under a key of its own"),
    ];
  });
}

/** Keys that Azure takes no more, and that must be kept. */
export function keyChanges(
  old: CustomerManagedKeyArgs | undefined,
  now: CustomerManagedKeyArgs | undefined,
): ChangeViolation[] {
  const path = "namespace.customerManagedKey";
  const anew = "Make a second namespace and move over";
  if (old === undefined && now === undefined) return [];
  if (old === undefined)
    return [
      violation(Refused, path, now?.keyName, "Azure takes a key for a namespace without queues and topics alone", anew),
    ];
  if (now === undefined)
    return [
      violation(
        Refused,
        path,
        undefined,
        `was ${old.keyName}: Azure never lets a namespace go back to its own key`,
        anew,
      ),
    ];
  const found: ChangeViolation[] = [];
  if ((old.infrastructureEncryption ?? false) !== (now.infrastructureEncryption ?? false))
    found.push(
      violation(
        Refused,
        `${path}.infrastructureEncryption`,
        now.infrastructureEncryption ?? false,
        "is fixed when the namespace is made",
        anew,
      ),
    );
  for (const setting of ["identityId", "keyVaultUri", "keyName", "keyVersion"] as const)
    if (!same(old[setting], now[setting]))
      found.push(
        violation(
          Downtime,
          `${path}.${setting}`,
          now[setting],
          `${was(old[setting])}: where the identity may not use the key, the bus stops, and its messages cannot be read`,
          "Give the identity its role on the key first, and keep the old key until the new one is in use",
        ),
      );
  return found;
}

/** A pairing that is changed or taken away. */
export function recoveryChanges(
  { disasterRecovery: old, geoReplication }: Namespace,
  { disasterRecovery: now }: Namespace,
): ChangeViolation[] {
  const path = "namespace.disasterRecovery";
  const first = "Break the pairing first: az servicebus georecovery-alias break-pair";
  if (old === undefined) {
    if (now === undefined || geoReplication === undefined) return [];
    return [
      violation(
        Refused,
        path,
        now.alias,
        "the namespace is replicated",
        "Remove geoReplication in a deployment before",
      ),
    ];
  }
  if (now === undefined)
    return [
      violation(Refused, path, undefined, `was ${old.alias}: Azure takes no alias away while it pairs two`, first),
      violation(
        Downtime,
        `${path}.alias`,
        undefined,
        `${old.alias} is gone, and its clients with it`,
        "Move them first",
      ),
    ];
  const found = (["location", "name", "resourceGroupName"] as const)
    .filter((setting) => !same(old[setting], now[setting]))
    .map((setting) =>
      violation(
        Refused,
        `${path}.${setting}`,
        now[setting],
        `${was(old[setting])}: the second namespace is replaced, which Azure refuses while it is paired`,
        first,
      ),
    );
  if (old.alias !== now.alias)
    found.push(
      violation(
        Refused,
        `${path}.alias`,
        now.alias,
        `was ${old.alias}: Azure takes no alias away while it pairs two`,
        first,
      ),
    );
  return found;
}

/** Logs that are written no more. */
export function diagnosticsChanges(before: Namespace, after: Namespace): ChangeViolation[] {
  return Object.entries(before.diagnostics ?? {}).flatMap(([key, old]) => {
    const path = `namespace.diagnostics.${key}`;
    const now = after.diagnostics?.[key];
    if (now === undefined)
      return [
        violation(Silent, path, undefined, "goes, and from then on nothing is recorded by it", "Keep the audit whole"),
      ];
    const logs = now.logs ?? logsOf(after.tier);
    const gone = (old.logs ?? logsOf(before.tier)).filter((log) => !logs.includes(log));
    const found: ChangeViolation[] = [];
    if (gone.length > 0)
      found.push(
        violation(
          Silent,
          `${path}.logs`,
          logs,
          `${gone.join(" and ")} are recorded no more`,
          "See that nobody needs them",
        ),
      );
    for (const setting of ["workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "eventHubName"] as const)
      if (old[setting] !== undefined && !same(old[setting], now[setting]))
        found.push(
          violation(
            Silent,
            `${path}.${setting}`,
            now[setting],
            `${was(old[setting])}: what is recorded there already stays there, and what comes goes elsewhere`,
            "Tell whoever reads it",
          ),
        );
    return found;
  });
}

/** Alerts that are raised no more, or tell nobody. */
export function alertChanges(
  old: NamespaceAlertsArgs | undefined,
  now: NamespaceAlertsArgs | undefined,
): ChangeViolation[] {
  if (old === undefined) return [];
  const path = "namespace.alerts";
  const found = ALERTS.filter(({ key }) => old[key] !== undefined && now?.[key] === undefined).map(({ key }) =>
    violation(Silent, `${path}.${key}`, undefined, "is raised no more", "Keep it, with another threshold"),
  );
  const gone = old.actionGroupIds.filter((id) => !(now?.actionGroupIds ?? []).some((other) => same(other, id)));
  if (now !== undefined && gone.length > 0)
    found.push(
      violation(
        Silent,
        `${path}.actionGroupIds`,
        now.actionGroupIds,
        `${gone.length === 1 ? "an action group is" : `${gone.length} action groups are`} told nothing any more`,
        "See that others are told",
      ),
    );
  return found;
}
