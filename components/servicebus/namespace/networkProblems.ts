import { type Problem, problem } from "../../../runtime/contract/index.js";
import {
  PrivateDnsSource,
  type PrivateEndpointArgs,
  PublicAccess,
  type ServiceBusNamespaceArgs,
} from "../namespaceArgs.js";
import { publicAccess } from "./access.js";

/** What does not fit together of a namespace's network. */
export function networkProblems(namespace: ServiceBusNamespaceArgs): Problem[] {
  return [...ruleProblems(namespace), ...endpointProblems(namespace), ...dnsProblems(namespace)];
}

/** Rules for a public endpoint that is not there, and rules that stand twice. */
function ruleProblems(namespace: ServiceBusNamespaceArgs): Problem[] {
  const closed = publicAccess(namespace) === PublicAccess.Disabled;
  const said = namespace.publicAccess === undefined ? "Disabled, as it is by default on Premium" : "Disabled";
  return (["ipRules", "virtualNetworkRules"] as const).flatMap((setting) => {
    const rules: unknown[] = namespace[setting] ?? [];
    const found: Problem[] = [];
    if (closed && rules.length > 0)
      found.push(
        problem(
          `namespace.${setting}`,
          rules.every((rule) => typeof rule === "string") ? rules : undefined,
          `does nothing where publicAccess is ${said}`,
          "Remove it, or set publicAccess to Enabled",
        ),
      );
    const seen = new Set<string>();
    for (const [i, rule] of rules.entries()) {
      if (typeof rule !== "string") continue;
      if (seen.has(rule.toLowerCase()))
        found.push(problem(`namespace.${setting}.${i}`, rule, "stands there twice", "Remove one of the two"));
      seen.add(rule.toLowerCase());
    }
    return found;
  });
}

type Endpoints = { [key: string]: PrivateEndpointArgs };

/** The endpoints of the namespace and of its second one, with where they stand in the args. */
function endpointMaps({ privateEndpoints, disasterRecovery }: ServiceBusNamespaceArgs): [string, Endpoints][] {
  return [
    ["namespace.privateEndpoints", privateEndpoints ?? {}],
    ["namespace.disasterRecovery.privateEndpoints", disasterRecovery?.privateEndpoints ?? {}],
  ];
}

/** What Azure would not take as the end of a name, and records that two endpoints want. */
function endpointProblems(namespace: ServiceBusNamespaceArgs): Problem[] {
  const dns = namespace.privateDns?.source ?? PrivateDnsSource.None;
  return endpointMaps(namespace).flatMap(([path, endpoints]) => {
    const places = Object.entries(endpoints).map(([key, { subnetId, privateAddress: address }]): [string, unknown] => [
      key,
      typeof subnetId === "string" && address !== undefined ? `${address} of ${subnetId}` : undefined,
    ]);
    const found = [
      ...keyProblems(path, Object.keys(endpoints)),
      ...twiceProblems(path, Object.fromEntries(places), "a subnet has each address once"),
    ];
    if (dns === PrivateDnsSource.None) {
      for (const [key, { registerDns }] of Object.entries(endpoints))
        if (registerDns === true)
          found.push(
            problem(
              `${path}.${key}.registerDns`,
              registerDns,
              "has no zone to write to",
              "Give namespace.privateDns a zone, or remove it",
            ),
          );
      return found;
    }
    const [first, ...others] = Object.entries(endpoints).filter(([, { registerDns }]) => registerDns !== false);
    for (const [key] of others)
      found.push(
        problem(
          `${path}.${key}.registerDns`,
          true,
          `must be false: the zone has one record for the namespace, and ${first?.[0]} has it already`,
          "Set registerDns to false on all but the one that clients use",
        ),
      );
    return found;
  });
}

function dnsProblems({ privateDns: dns, privateEndpoints, disasterRecovery }: ServiceBusNamespaceArgs): Problem[] {
  const path = "namespace.privateDns";
  const count = [privateEndpoints, disasterRecovery?.privateEndpoints].flatMap((map) => Object.keys(map ?? {})).length;
  if (dns === undefined)
    return count === 0
      ? []
      : [
          problem(
            path,
            undefined,
            "is missing: without it nobody knows whether names lead to the private endpoints",
            'Give { source: "create", virtualNetworkIds }, { source: "existing", zoneId } or { source: "none" }',
          ),
        ];
  const found: Problem[] = [];
  if (count === 0)
    found.push(
      problem(path, dns.source, "does nothing without private endpoints", "Remove it, or add privateEndpoints"),
    );
  const zone = dns.zoneId !== undefined;
  if (zone !== (dns.source === PrivateDnsSource.Existing))
    found.push(
      zone
        ? problem(`${path}.zoneId`, undefined, `does nothing with source "${dns.source}"`, 'Set source to "existing"')
        : problem(`${path}.zoneId`, undefined, 'is missing; source "existing" needs it', "Give the id of the zone"),
    );
  const networks = Object.keys(dns.virtualNetworkIds ?? {});
  found.push(...keyProblems(`${path}.virtualNetworkIds`, networks));
  found.push(...twiceProblems(`${path}.virtualNetworkIds`, dns.virtualNetworkIds ?? {}, "has one link to a zone"));
  const creates = dns.source === PrivateDnsSource.Create;
  if (creates !== networks.length > 0)
    found.push(
      creates
        ? problem(
            `${path}.virtualNetworkIds`,
            undefined,
            "is missing: in no network would the names be resolved",
            "Name the virtual networks of workers and clients",
          )
        : problem(
            `${path}.virtualNetworkIds`,
            networks,
            `does nothing with source "${dns.source}": its links are not made here`,
            'Remove it, or set source to "create"',
          ),
    );
  return found;
}

/** Values of which Azure takes each once; one that is known only later is left to Azure to compare. */
function twiceProblems(path: string, values: { [key: string]: unknown }, why: string): Problem[] {
  const seen = new Map<string, string>();
  return Object.entries(values).flatMap(([key, value]) => {
    if (typeof value !== "string") return [];
    const other = seen.get(value.toLowerCase());
    seen.set(value.toLowerCase(), key);
    return other === undefined
      ? []
      : [problem(`${path}.${key}`, value, `is that of ${other}, and ${why}`, "Remove one of the two")];
  });
}

/** Keys that end the name of a resource in Azure. */
export function keyProblems(path: string, keys: string[]): Problem[] {
  return keys
    .filter((key) => !/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?$/.test(key))
    .map((key) =>
      problem(
        `${path}.${key}`,
        key,
        "must be a key of 1 to 30 letters, digits or -, which ends the name of what is made",
        "Rename it",
      ),
    );
}
