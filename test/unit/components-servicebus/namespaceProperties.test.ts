import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  namespaceChanges,
  type ServiceBusNamespaceArgs,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { ALERTS, alertProperties } from "../../../components/servicebus/namespace/alerts.js";
import { autoscaleProfiles } from "../../../components/servicebus/namespace/autoscale.js";
import { diagnosticProperties } from "../../../components/servicebus/namespace/diagnostics.js";
import { hostOf, movedId } from "../../../components/servicebus/namespace/ids.js";
import { networkRules, privateZoneName } from "../../../components/servicebus/namespace/network.js";
import { namespaceProperties } from "../../../components/servicebus/renderNamespace.js";
import { platform, REGIONS } from "../../support/busTiers.js";
import { anyNamespace } from "./namespaceArbitrary.js";

const queues = { renders: {} };

describe("any namespace that Azure takes", () => {
  it("has no problem, and nothing happens where nothing is changed", () => {
    fc.assert(
      fc.property(anyNamespace, (namespace) => {
        expect(serviceBusProblems({ namespace, queues }, REGIONS.first)).toEqual([]);
        expect(namespaceChanges(namespace, structuredClone(namespace))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("is rendered closed where it is closed, and always says so", () => {
    fc.assert(
      fc.property(anyNamespace, (namespace) => {
        const [properties, rules] = [namespaceProperties(namespace, REGIONS.first), networkRules(namespace)];
        expect(["Enabled", "Disabled"]).toContain(rules.publicNetworkAccess);
        expect(rules.publicNetworkAccess).toBe(properties.publicNetworkAccess);
        const listed = [rules.ipRules, rules.virtualNetworkRules].flatMap((list): unknown[] =>
          Array.isArray(list) ? list : [],
        );
        const everybody = rules.publicNetworkAccess === "Enabled" && listed.length === 0;
        expect(rules.defaultAction).toBe(everybody ? "Allow" : "Deny");
        if (namespace.publicAccess === undefined && namespace.tier === "Premium")
          expect(rules).toMatchObject({ publicNetworkAccess: "Disabled", defaultAction: "Deny" });
        expect(properties.disableLocalAuth).toBe(namespace.disableLocalAuth ?? true);
      }),
    );
  });

  it("is rendered with no setting that its tier lacks, and with units that its partitions share", () => {
    const premiumOnly = ["encryption", "identity", "geoDataReplication", "premiumMessagingPartitions", "zoneRedundant"];
    fc.assert(
      fc.property(anyNamespace, (namespace) => {
        const properties: { [name: string]: unknown } = { ...namespaceProperties(namespace, REGIONS.first) };
        if (namespace.tier !== "Premium") {
          expect(Object.keys(properties).filter((name) => premiumOnly.includes(name))).toEqual([]);
          expect(properties["sku"]).toEqual({ name: namespace.tier, tier: namespace.tier });
          expect(networkRules(namespace)).not.toHaveProperty("virtualNetworkRules");
          return;
        }
        const { capacity } = properties["sku"] as { capacity: number };
        expect(capacity % (namespace.premiumMessagingPartitions ?? 1)).toBe(0);
      }),
    );
  });

  it("is watched as Azure Monitor takes it", () => {
    fc.assert(
      fc.property(anyNamespace, ({ alerts, autoscale, diagnostics = {}, tier, capacity = 1 }) => {
        for (const kind of ALERTS) {
          const args = alerts?.[kind.key];
          if (args === undefined) continue;
          const { windowSize, evaluationFrequency, severity } = alertProperties(kind, args, [platform.actionGroup]);
          for (const span of [windowSize, evaluationFrequency])
            expect(span).toMatch(/^P(?:T(?:1|5|15|30)M|T(?:1|6|12)H|1D)$/);
          expect(severity).toBeLessThanOrEqual(4);
        }
        for (const each of Object.values(diagnostics)) {
          const { logs, metrics } = diagnosticProperties(each, tier);
          expect([logs, metrics].flat().length).toBeGreaterThan(0);
        }
        if (autoscale === undefined) return;
        const [profile] = autoscaleProfiles(autoscale, capacity, "id");
        const { minimum, maximum, default: begin } = profile.capacity;
        expect(Number(minimum)).toBeLessThanOrEqual(Number(begin));
        expect(Number(begin)).toBeLessThanOrEqual(Number(maximum));
      }),
    );
  });
});

type Faulty = (of: ServiceBusNamespaceArgs) => object;

/** One fault, put into a sound namespace, and the setting that must be named. */
const faults: [path: string, put: Faulty][] = [
  ["namespace.name", () => ({ name: "contoso-sb" })],
  ["namespace.tier", () => ({ tier: "Free" })],
  ["namespace.capacity", () => ({ capacity: 3 })],
  ["namespace.premiumMessagingPartitions", () => ({ premiumMessagingPartitions: 8 })],
  ["namespace.minimumTls", () => ({ minimumTls: "1.1" })],
  ["namespace.disableLocalAuth", () => ({ disableLocalAuth: "yes" })],
  ["namespace.publicAccess", () => ({ publicAccess: "SecuredByPerimeter" })],
  ["namespace.ipRules.0", () => ({ ipRules: ["256.0.0.1"] })],
  ["namespace.virtualNetworkRules.0", () => ({ virtualNetworkRules: ["workers"] })],
  ["namespace.privateEndpoints.x.subnetId", () => ({ privateEndpoints: { x: { subnetId: "workers" } } })],
  ["namespace.privateDns.source", () => ({ privateDns: { source: "hub" } })],
  ["namespace.customerManagedKey.keyName", () => ({ customerManagedKey: { keyName: "" } })],
  ["namespace.geoReplication.maxReplicationLagSeconds", () => ({ geoReplication: { secondaryLocation: "uksouth" } })],
  ["namespace.disasterRecovery.alias", () => ({ disasterRecovery: { location: "uksouth", name: "the-second" } })],
  ["namespace.diagnostics.x", () => ({ diagnostics: { x: {} } })],
  ["namespace.alerts.deadLetters.threshold", () => ({ alerts: { deadLetters: {} } })],
  ["namespace.autoscale.maxUnits", () => ({ autoscale: { minUnits: 1 } })],
  ["namespace.lock.level", () => ({ lock: { level: "NotSpecified" } })],
  ["namespace.zone", () => ({ zone: true })],
  [
    "namespace.disasterRecovery",
    () => ({
      geoReplication: { secondaryLocation: "uksouth", maxReplicationLagSeconds: 0 },
      disasterRecovery: { alias: "the-alias", location: "uksouth", name: "the-second" },
    }),
  ],
  ["namespace.alerts", () => ({ alerts: { actionGroupIds: [platform.actionGroup] } })],
];

describe("any fault in a namespace that Azure takes", () => {
  it.each(faults)("is named with its path: %s", (path, put) => {
    fc.assert(
      fc.property(anyNamespace, (namespace) => {
        const args = { namespace: { ...namespace, ...put(namespace) } as ServiceBusNamespaceArgs, queues };
        expect(serviceBusProblems(args, REGIONS.first).map((p) => p.path)).toContain(path);
      }),
      { numRuns: 30 },
    );
  });
});

describe("names and ids", () => {
  it.each([
    ["https://contoso.servicebus.windows.net:443/", "contoso", "contoso", "contoso.servicebus.windows.net"],
    ["https://contoso.servicebus.windows.net:443/", "Contoso", "The-Alias", "the-alias.servicebus.windows.net"],
    ["https://contoso-2.servicebus.windows.net:443/", "contoso", "the-alias", "contoso-2.servicebus.windows.net"],
    ["http://127.0.0.1:5672/", "contoso", "the-alias", "127.0.0.1:5672"],
  ])("the host of %s, of %s under %s, is %s", (endpoint, own, client, host) => {
    expect(hostOf(endpoint, own, client)).toBe(host);
  });

  it("an entity's id in another namespace keeps what follows the namespace", () => {
    const [a, b] = ["/subscriptions/s/x/namespaces/a", "/subscriptions/s/y/namespaces/other"];
    fc.assert(
      fc.property(fc.string(), (rest) => {
        expect(movedId(`${a}/queues/${rest}`, a, b)).toBe(`${b}/queues/${rest}`);
      }),
    );
  });

  it.each([
    ["westeurope", "privatelink.servicebus.windows.net"],
    ["West Europe", "privatelink.servicebus.windows.net"],
    ["usgovvirginia", "privatelink.servicebus.usgovcloudapi.net"],
    ["USDoD East", "privatelink.servicebus.usgovcloudapi.net"],
    ["chinanorth3", "privatelink.servicebus.chinacloudapi.cn"],
  ])("clients in %s look in %s", (region, zone) => {
    expect(privateZoneName(region)).toBe(zone);
  });
});
