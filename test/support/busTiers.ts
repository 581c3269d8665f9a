import {
  LockLevel,
  MinimumTls,
  NamespaceLog,
  PrivateDnsSource,
  PublicAccess,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "../../components/servicebus/index.js";

/** The subscription that everything below lies in. It does not exist. */
const SUBSCRIPTION = "/subscriptions/55555555-5555-4555-8555-555555555555";
const PLATFORM = `${SUBSCRIPTION}/resourceGroups/platform/providers`;

/** What a platform team has beside the bus. */
export const platform = {
  network: (name: string) => `${PLATFORM}/Microsoft.Network/virtualNetworks/${name}`,
  subnet: (network: string, name: string) => `${PLATFORM}/Microsoft.Network/virtualNetworks/${network}/subnets/${name}`,
  zone: `${PLATFORM}/Microsoft.Network/privateDnsZones/privatelink.servicebus.windows.net`,
  workspace: `${PLATFORM}/Microsoft.OperationalInsights/workspaces/logs`,
  account: `${PLATFORM}/Microsoft.Storage/storageAccounts/contosologs`,
  eventHubRule: `${PLATFORM}/Microsoft.EventHub/namespaces/contoso-events/authorizationRules/send`,
  actionGroup: `${PLATFORM}/Microsoft.Insights/actionGroups/on-call`,
  identity: `${PLATFORM}/Microsoft.ManagedIdentity/userAssignedIdentities/bus-key`,
};

/** Region of the namespaces below, and that of their copies. */
export const REGIONS = { first: "westeurope", second: "northeurope" };

/**
 * A namespace of each tier that uses every setting which the tier has and which goes together. What does not go with it
 * on Premium is in `replicatedNamespace`. Alerts name the queue `renders`, which must be there.
 */
export const namespaceOfTier = {
  Basic: {
    name: "contoso-basic",
    tier: ServiceBusTier.Basic,
    minimumTls: MinimumTls.Tls12,
    disableLocalAuth: true,
    publicAccess: PublicAccess.Enabled,
    ipRules: ["203.0.113.7"],
    trustedServices: true,
    diagnostics: {
      workspace: { workspaceId: platform.workspace, dedicatedTables: false, logs: [NamespaceLog.Operational] },
    },
    alerts: { actionGroupIds: [platform.actionGroup], serverErrors: { threshold: 5 } },
    lock: { level: LockLevel.CanNotDelete },
  },
  Standard: {
    name: "contoso-standard",
    tier: ServiceBusTier.Standard,
    minimumTls: MinimumTls.Tls13,
    disableLocalAuth: false,
    publicAccess: PublicAccess.Enabled,
    ipRules: ["203.0.113.0/28", "198.51.100.9"],
    trustedServices: false,
    diagnostics: {
      workspace: { workspaceId: platform.workspace },
      hub: {
        eventHubAuthorizationRuleId: platform.eventHubRule,
        eventHubName: "bus",
        logs: [NamespaceLog.DiagnosticErrors],
        metrics: false,
      },
    },
    alerts: {
      actionGroupIds: [platform.actionGroup],
      deadLetters: { threshold: 0, entities: ["renders"] },
      activeMessages: { threshold: 10_000, windowSeconds: 900, everySeconds: 300, severity: 3 },
      throttledRequests: { threshold: 100 },
      serverErrors: { threshold: 5, severity: 1 },
    },
    lock: { level: LockLevel.ReadOnly, notes: "Changed by its stack alone, which takes the lock away first." },
  },
  Premium: {
    name: "contoso-premium",
    tier: ServiceBusTier.Premium,
    capacity: 4,
    premiumMessagingPartitions: 2,
    zoneRedundant: true,
    minimumTls: MinimumTls.Tls12,
    disableLocalAuth: true,
    publicAccess: PublicAccess.Disabled,
    trustedServices: true,
    privateEndpoints: {
      workers: { subnetId: platform.subnet("spoke", "endpoints"), privateAddress: "10.40.2.10" },
      hub: { subnetId: platform.subnet("hub", "endpoints"), location: REGIONS.second, registerDns: false },
    },
    privateDns: {
      source: PrivateDnsSource.Create,
      virtualNetworkIds: { spoke: platform.network("spoke"), hub: platform.network("hub") },
    },
    customerManagedKey: {
      identityId: platform.identity,
      keyVaultUri: "https://contoso-keys.vault.azure.net/",
      keyName: "bus",
      keyVersion: "0123456789abcdef0123456789abcdef",
      infrastructureEncryption: true,
    },
    disasterRecovery: {
      alias: "contoso-bus",
      location: REGIONS.second,
      name: "contoso-premium-north",
      resourceGroupName: "messaging-north",
      privateEndpoints: { workers: { subnetId: platform.subnet("spoke-north", "endpoints") } },
    },
    diagnostics: {
      workspace: { workspaceId: platform.workspace },
      archive: { storageAccountId: platform.account, logs: [NamespaceLog.RuntimeAudit, NamespaceLog.Network] },
    },
    alerts: {
      actionGroupIds: [platform.actionGroup],
      deadLetters: { threshold: 0 },
      throttledRequests: { threshold: 0 },
    },
    autoscale: {
      minUnits: 2,
      maxUnits: 16,
      scaleOutPercent: 70,
      scaleInPercent: 20,
      windowSeconds: 900,
      cooldownSeconds: 600,
    },
    lock: { level: LockLevel.CanNotDelete },
  },
} satisfies Record<ServiceBusTier, ServiceBusNamespaceArgs>;

/** A premium namespace with what does not go together with the one above. */
export const replicatedNamespace = {
  name: "contoso-replicated",
  tier: ServiceBusTier.Premium,
  capacity: 1,
  publicAccess: PublicAccess.Enabled,
  ipRules: ["203.0.113.0/28"],
  virtualNetworkRules: [platform.subnet("spoke", "workers")],
  privateEndpoints: { workers: { subnetId: platform.subnet("spoke", "endpoints") } },
  privateDns: { source: PrivateDnsSource.Existing, zoneId: platform.zone },
  geoReplication: { secondaryLocation: REGIONS.second, maxReplicationLagSeconds: 300, promoted: false },
} satisfies ServiceBusNamespaceArgs;
