import fc from "fast-check";
import {
  type AlertArgs,
  type AutoscaleArgs,
  type DiagnosticsArgs,
  NamespaceLog,
  type PrivateDnsArgs,
  type PrivateEndpointArgs,
  PublicAccess,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "../../../components/servicebus/index.js";
import { platform, REGIONS } from "../../support/busTiers.js";

/** A record whose settings may each be left out. */
function some<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const ipRule = fc.oneof(
  address,
  fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
);
const key = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/);
const ipRules = fc.uniqueArray(ipRule, { maxLength: 4 });
const subnets = fc.uniqueArray(
  key.map((name) => platform.subnet("spoke", name)),
  { maxLength: 3 },
);

const alert: fc.Arbitrary<AlertArgs> = fc
  .tuple(
    fc.nat(),
    fc.constantFrom(...[60, 300, 900, 1800, 3600, 21_600, 43_200, 86_400]),
    fc.constantFrom(60, 300, 900, 1800, 3600),
    some({ severity: fc.integer({ min: 0, max: 4 }), entities: fc.constant<string[]>(["renders"]) }),
  )
  .map(([threshold, window, every, rest]) => ({
    threshold,
    windowSeconds: Math.max(window, every),
    everySeconds: every,
    ...rest,
  }));

/** Settings with a place of their own each, as no two may send the same to one. */
function diagnostics(logs: NamespaceLog[]): fc.Arbitrary<{ [key: string]: DiagnosticsArgs }> {
  const sent = some({
    logs: fc.uniqueArray(fc.constantFrom(...logs), { minLength: 1 }),
    metrics: fc.boolean(),
    dedicatedTables: fc.boolean(),
  });
  const place = fc.constantFrom("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId");
  const ids: { [place: string]: string } = {
    workspaceId: platform.workspace,
    storageAccountId: platform.account,
    eventHubAuthorizationRuleId: platform.eventHubRule,
  };
  return fc
    .uniqueArray(fc.tuple(key, place, sent), { maxLength: 3, selector: ([, where]) => where })
    .map((all) => Object.fromEntries(all.map(([name, where, rest]) => [name, { [where]: ids[where] ?? "", ...rest }])));
}

const endpoints: fc.Arbitrary<{ [key: string]: PrivateEndpointArgs }> = fc
  .uniqueArray(fc.tuple(key, some({ location: fc.constant("northeurope"), privateAddress: address })), {
    maxLength: 3,
    selector: ([name]) => name,
  })
  .map((all) =>
    Object.fromEntries(
      all.map(([name, rest], i) => [
        name,
        { subnetId: platform.subnet("spoke", `s${i}`), ...rest, ...(i === 0 ? {} : { registerDns: false }) },
      ]),
    ),
  );
const dns: fc.Arbitrary<PrivateDnsArgs> = fc.oneof(
  fc.constant<PrivateDnsArgs>({ source: "none" }),
  fc.constant<PrivateDnsArgs>({ source: "existing", zoneId: platform.zone }),
  fc
    .uniqueArray(key, { minLength: 1, maxLength: 3 })
    .map((keys) => Object.fromEntries(keys.map((name) => [name, platform.network(`network-${name}`)])))
    .map((virtualNetworkIds): PrivateDnsArgs => ({ source: "create", virtualNetworkIds })),
);

const autoscale: fc.Arbitrary<Partial<AutoscaleArgs>> = fc
  .tuple(
    fc.integer({ min: 10, max: 95 }),
    fc.nat(),
    some({
      windowSeconds: fc.integer({ min: 5, max: 720 }).map((minutes) => minutes * 60),
      cooldownSeconds: fc.integer({ min: 1, max: 10_080 }).map((minutes) => minutes * 60),
    }),
  )
  .map(([out, low, rest]) => ({
    scaleOutPercent: out,
    scaleInPercent: 1 + (low % (Math.ceil(out / 2) - 1)),
    ...rest,
  }));

/** What every tier has. */
const common = (tier: ServiceBusTier) => ({
  name: fc.stringMatching(/^[a-z][a-z0-9]{5,20}$/),
  minimumTls: fc.constantFrom("1.2" as const, "1.3" as const),
  disableLocalAuth: fc.boolean(),
  trustedServices: fc.boolean(),
  diagnostics: diagnostics(
    Object.values(NamespaceLog).filter(
      (log) => tier === "Premium" || (log !== NamespaceLog.RuntimeAudit && log !== NamespaceLog.Network),
    ),
  ),
  alerts: fc
    .tuple(alert, some({ activeMessages: alert, throttledRequests: alert, serverErrors: alert }))
    .map(([deadLetters, rest]) => ({ actionGroupIds: [platform.actionGroup], deadLetters, ...rest })),
  lock: fc.constant({ level: "CanNotDelete" as const }),
});

const lower: fc.Arbitrary<ServiceBusNamespaceArgs> = fc
  .constantFrom(ServiceBusTier.Basic, ServiceBusTier.Standard)
  .chain((tier) =>
    fc.tuple(fc.constant(tier), some({ ...common(tier), ipRules, publicAccess: fc.constant("Enabled" as const) })),
  )
  .map(([tier, rest]) => ({ tier, ...rest }));

/** Units of a premium namespace, and between which it scales, as steps of its partitions. */
const units = fc
  .tuple(fc.constantFrom(1, 2, 4), fc.uniqueArray(fc.constantFrom(1, 2, 4, 8, 16), { minLength: 3, maxLength: 3 }))
  .map(([partitions, steps]) => {
    const [fewest = 1, begin = 2, most = 4] = steps.sort((a, b) => a - b).map((step) => step * partitions);
    return { partitions, fewest, begin, most };
  });

const premium: fc.Arbitrary<ServiceBusNamespaceArgs> = fc
  .record({
    rest: some({ ...common("Premium"), zoneRedundant: fc.boolean() }),
    network: fc.record({ endpoints, dns, open: fc.boolean(), ipRules, subnets }),
    units,
    scaled: fc.option(autoscale),
    key: fc.boolean(),
    region: fc.constantFrom("one", "copy", "pair"),
    lag: fc.oneof(fc.constant(0), fc.integer({ min: 300, max: 86_400 })),
  })
  .map(({ rest, network, units: of, scaled, key: own, region, lag }): ServiceBusNamespaceArgs => {
    const reached = Object.keys(network.endpoints).length > 0;
    return {
      tier: "Premium",
      ...rest,
      capacity: of.begin,
      premiumMessagingPartitions: of.partitions,
      ...(scaled === null ? {} : { autoscale: { ...scaled, minUnits: of.fewest, maxUnits: of.most } }),
      ...(network.open
        ? { publicAccess: PublicAccess.Enabled, ipRules: network.ipRules, virtualNetworkRules: network.subnets }
        : {}),
      ...(reached ? { privateEndpoints: network.endpoints, privateDns: network.dns } : {}),
      ...(own
        ? {
            customerManagedKey: {
              identityId: platform.identity,
              keyVaultUri: "https://k.vault.azure.net/",
              keyName: "bus",
            },
          }
        : {}),
      ...(region === "copy"
        ? { geoReplication: { secondaryLocation: REGIONS.second, maxReplicationLagSeconds: lag } }
        : {}),
      ...(region === "pair"
        ? {
            disasterRecovery: {
              alias: "the-alias",
              location: REGIONS.second,
              name: "the-second",
              ...(reached ? { privateEndpoints: network.endpoints } : {}),
            },
          }
        : {}),
    };
  });

/** Any namespace that Azure takes in `REGIONS.first`, beside a queue `renders`. */
export const anyNamespace: fc.Arbitrary<ServiceBusNamespaceArgs> = fc.oneof(lower, premium, premium);
