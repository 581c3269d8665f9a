import { because, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { armId, given, resourceId, subnetId } from "../support/given.js";
import { flag, mapOf, oneNumberOf, type Shape, strict, words, z } from "../support/schema.js";
import {
  type AlertArgs,
  type AutoscaleArgs,
  type CustomerManagedKeyArgs,
  type DiagnosticsArgs,
  type DisasterRecoveryArgs,
  type GeoReplicationArgs,
  LockLevel,
  MinimumTls,
  type NamespaceAlertsArgs,
  type NamespaceLockArgs,
  NamespaceLog,
  type PrivateDnsArgs,
  PrivateDnsSource,
  type PrivateEndpointArgs,
  PublicAccess,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "./namespaceArgs.js";

/** Partitions that a premium namespace can have. */
export const PARTITIONS = [1, 2, 4];
const UNITS = [1, 2, 4, 8, 16, 32, 64];

/** What Azure Monitor takes, in seconds. */
const EVERY_SECONDS = [60, 300, 900, 1800, 3600];
const WINDOW_SECONDS = [...EVERY_SECONDS, 21_600, 43_200, 86_400];

const OCTET = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const ADDRESS = `${OCTET}(?:\\.${OCTET}){3}`;

const namespaceName = text(
  /^[A-Za-z](?=.{5,49}$)[A-Za-z0-9-]*[A-Za-z0-9]$(?<!-sb|-mgmt)/,
  "6 to 50 letters, digits or -, the first a letter, the last a letter or digit, not ending in -sb or -mgmt",
  "Use a name by Azure's rule",
);
/** An Azure region, by its name or by what it is called: `westeurope`, `West Europe`. */
export const region = text(
  /^[A-Za-z][A-Za-z0-9 ]*$/,
  "an Azure region: letters and digits",
  "Give a region such as northeurope",
);
const units = oneNumberOf(UNITS, "messaging units");
const optionalFlag = z.exactOptional(flag());

const privateEndpointSchema = strict({
  subnetId,
  location: z.exactOptional(region),
  privateAddress: z.exactOptional(
    text(new RegExp(`^${ADDRESS}$`), "an IPv4 address", "Give an address of the subnet, such as 10.0.2.10"),
  ),
  registerDns: optionalFlag,
} satisfies Shape<PrivateEndpointArgs>) satisfies z.ZodType<PrivateEndpointArgs, PrivateEndpointArgs>;

const privateDnsSchema = strict({
  source: oneOf(PrivateDnsSource),
  zoneId: z.exactOptional(
    armId(
      "a private DNS zone of Service Bus",
      /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/privateDnsZones\/privatelink\.servicebus\.[a-z.]+$/i,
    ),
  ),
  virtualNetworkIds: z.exactOptional(
    mapOf(resourceId("a virtual network", "Microsoft.Network", "virtualNetworks"), "virtual networks"),
  ),
} satisfies Shape<PrivateDnsArgs>) satisfies z.ZodType<PrivateDnsArgs, PrivateDnsArgs>;

const customerManagedKeySchema = strict({
  identityId: resourceId("a user-assigned identity", "Microsoft.ManagedIdentity", "userAssignedIdentities"),
  keyVaultUri: given(
    text(
      /^https:\/\/[A-Za-z0-9-]+\.(?:vault|managedhsm)\.[a-z.]+\/?$/,
      "the URI of a key vault or a managed HSM",
      "Give https://NAME.vault.azure.net/",
    ),
  ),
  keyName: text(/^[A-Za-z0-9-]{1,127}$/, "1 to 127 letters, digits or -", "Give the key's name, without its version"),
  keyVersion: z.exactOptional(text(/^[0-9a-f]{32}$/i, "32 hex digits", "Give the version, or leave it out")),
  infrastructureEncryption: optionalFlag,
} satisfies Shape<CustomerManagedKeyArgs>) satisfies z.ZodType<CustomerManagedKeyArgs, CustomerManagedKeyArgs>;

const lag = because("must be 0 (synchronous) or a whole number from 300 to 86400 seconds", "Choose one of them");
const geoReplicationSchema = strict({
  secondaryLocation: region,
  maxReplicationLagSeconds: z
    .number(lag)
    .int(lag)
    .max(86_400, lag)
    .refine((value) => value === 0 || value >= 300, lag),
  promoted: optionalFlag,
} satisfies Shape<GeoReplicationArgs>) satisfies z.ZodType<GeoReplicationArgs, GeoReplicationArgs>;

const disasterRecoverySchema = strict({
  alias: namespaceName,
  location: region,
  name: namespaceName,
  resourceGroupName: z.exactOptional(given(words("the name of a resource group"))),
  privateEndpoints: z.exactOptional(mapOf(privateEndpointSchema, "private endpoints")),
} satisfies Shape<DisasterRecoveryArgs>) satisfies z.ZodType<DisasterRecoveryArgs, DisasterRecoveryArgs>;

const lockSchema = strict({
  level: oneOf(LockLevel),
  notes: z.exactOptional(
    z
      .string(because("must be text", "Put it in quotes"))
      .max(512, because("must be at most 512 characters (Azure's limit)", "Shorten it")),
  ),
} satisfies Shape<NamespaceLockArgs>) satisfies z.ZodType<NamespaceLockArgs, NamespaceLockArgs>;

const diagnosticsSchema = strict({
  workspaceId: z.exactOptional(resourceId("a workspace", "Microsoft.OperationalInsights", "workspaces")),
  storageAccountId: z.exactOptional(resourceId("a storage account", "Microsoft.Storage", "storageAccounts")),
  eventHubAuthorizationRuleId: z.exactOptional(
    resourceId("an authorization rule of Event Hubs", "Microsoft.EventHub", "namespaces", "authorizationRules"),
  ),
  eventHubName: z.exactOptional(words("the name of an event hub")),
  logs: z.exactOptional(z.array(oneOf(NamespaceLog), because("must be a list of logs", "Give [] for none"))),
  metrics: optionalFlag,
  dedicatedTables: optionalFlag,
} satisfies Shape<DiagnosticsArgs>) satisfies z.ZodType<DiagnosticsArgs, DiagnosticsArgs>;

const threshold = because("must be a number from 0", "Give the value above which the alert is raised");
const alertSchema = strict({
  threshold: z.number(threshold).min(0, threshold),
  windowSeconds: z.exactOptional(oneNumberOf(WINDOW_SECONDS, "seconds")),
  everySeconds: z.exactOptional(oneNumberOf(EVERY_SECONDS, "seconds")),
  severity: z.exactOptional(integer(0, 4)),
  entities: z.exactOptional(
    z
      .array(words("the name of a queue or topic"), because("must be a list of queues and topics", "Name them"))
      .min(1, because("must name 1 to 50 queues and topics", "Leave it out for all of them"))
      .max(50, because("must name 1 to 50 queues and topics", "Leave it out for all of them")),
  ),
} satisfies Shape<AlertArgs>) satisfies z.ZodType<AlertArgs, AlertArgs>;

const groups = because("must be a list of 1 to 5 action groups", "Give the ids of those that are to be told");
const alertsSchema = strict({
  actionGroupIds: z
    .array(resourceId("an action group", "Microsoft.Insights", "actionGroups"), groups)
    .min(1, groups)
    .max(5, groups),
  deadLetters: z.exactOptional(alertSchema),
  activeMessages: z.exactOptional(alertSchema),
  throttledRequests: z.exactOptional(alertSchema),
  serverErrors: z.exactOptional(alertSchema),
} satisfies Shape<NamespaceAlertsArgs>) satisfies z.ZodType<NamespaceAlertsArgs, NamespaceAlertsArgs>;

/** Whole minutes in a range, in seconds. */
function wholeMinutes(min: number, max: number) {
  return integer(min, max, "seconds").multipleOf(60, because("must be whole minutes, in seconds", "Round it to 60"));
}

const autoscaleSchema = strict({
  minUnits: units,
  maxUnits: units,
  scaleOutPercent: z.exactOptional(integer(10, 95, "percent")),
  scaleInPercent: z.exactOptional(integer(1, 47, "percent")),
  windowSeconds: z.exactOptional(wholeMinutes(300, 43_200)),
  cooldownSeconds: z.exactOptional(wholeMinutes(60, 604_800)),
} satisfies Shape<AutoscaleArgs>) satisfies z.ZodType<AutoscaleArgs, AutoscaleArgs>;

/** Shape and ranges of a namespace; `namespaceProblems` checks what joins its settings. */
export const namespaceSchema = strict({
  name: z.exactOptional(namespaceName),
  tier: oneOf(ServiceBusTier),
  capacity: z.exactOptional(units),
  premiumMessagingPartitions: z.exactOptional(oneNumberOf(PARTITIONS, "partitions")),
  minimumTls: z.exactOptional(oneOf(MinimumTls)),
  disableLocalAuth: optionalFlag,
  publicAccess: z.exactOptional(oneOf(PublicAccess)),
  ipRules: z.exactOptional(
    z.array(
      text(
        new RegExp(`^${ADDRESS}(?:/(?:[12]?\\d|3[0-2]))?$`),
        "an IPv4 address or range",
        "Give an address such as 203.0.113.7, or a range such as 203.0.113.0/28",
      ),
      because("must be a list of IPv4 addresses or ranges", "Give [] for none"),
    ),
  ),
  virtualNetworkRules: z.exactOptional(
    z.array(subnetId, because("must be a list of subnets", "Give the ids of subnets, or [] for none")),
  ),
  trustedServices: optionalFlag,
  privateEndpoints: z.exactOptional(mapOf(privateEndpointSchema, "private endpoints")),
  privateDns: z.exactOptional(privateDnsSchema),
  zoneRedundant: optionalFlag,
  customerManagedKey: z.exactOptional(customerManagedKeySchema),
  geoReplication: z.exactOptional(geoReplicationSchema),
  disasterRecovery: z.exactOptional(disasterRecoverySchema),
  diagnostics: z.exactOptional(mapOf(diagnosticsSchema, "diagnostic settings")),
  alerts: z.exactOptional(alertsSchema),
  autoscale: z.exactOptional(autoscaleSchema),
  lock: z.exactOptional(lockSchema),
} satisfies Shape<ServiceBusNamespaceArgs>) satisfies z.ZodType<ServiceBusNamespaceArgs, ServiceBusNamespaceArgs>;
