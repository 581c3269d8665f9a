import type { PropertyMap, ProviderState } from "../base/index.js";
import { withAddresses } from "./addresses.js";
import { uuidOf } from "./ids.js";
import type { BusyParent } from "./singleWriter.js";

/** How a name comes about where the program gives none: as azure-native does it. */
export const AutoName = {
  /** Name in the program and 8 hex digits; such a resource is made anew before the old one goes. */
  Random: "random",
  /** Name in the program as it is: what lies inside another resource. */
  Copy: "copy",
  /** A made-up UUID. */
  Uuid: "uuid",
  /** Azure gives the only name there is. */
  Fixed: "fixed",
} as const;
export type AutoName = (typeof AutoName)[keyof typeof AutoName];

/** What Azure takes as a name: "Naming rules and restrictions for Azure resources" of Microsoft's documentation. */
export interface NameRule {
  pattern: RegExp;
  /** The rule in words. */
  words: string;
}

/** What outputs are computed from. */
export interface MadeResource {
  id: string;
  name: string;
  tenantId: string;
  inputs: PropertyMap;
  /** Time in ISO 8601. */
  madeAt: string;
  /** What there is beside it. */
  state: ProviderState;
}

/** One type of resource, as far as this stand-in goes. */
export interface ArmType {
  /** Path of its id; braces hold the names of inputs, `{subscriptionId}` is the stand-in's own. */
  path: string;
  /** Value of the output `type`. */
  arm: string;
  autoName: AutoName;
  name?: NameRule;
  /** True where the location of its resource group is taken if none is given, and a change of it replaces. */
  located?: "replaces" | "fixed";
  required?: readonly string[];
  /** Inputs beside those in the path whose change replaces the resource. */
  replaceOn?: readonly string[];
  /** Inputs that Azure refuses to change, although its provider would try. */
  refusesChange?: readonly string[];
  /** Where Azure takes one write at a time under one parent: how it refuses a second. */
  refusesTwoWrites?: BusyParent;
  /** What Azure fills in where nothing is given. */
  defaults?: PropertyMap;
  /** What Azure computes once, when the resource is made. */
  outputs?(made: MadeResource): PropertyMap;
  /** Inputs that Azure shows with more than was given, each time they are written. */
  shown?(made: MadeResource): PropertyMap;
}

const GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}";
const SERVICEBUS = `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}`;
const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}`;
const NETWORK = `${GROUP}/providers/Microsoft.Network`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;

const FOREVER = "P10675199DT2H48M5.4775807S";
// Changing these replaces queue or topic, and its messages go with it: pulumi-azure-native #1274.
const REPLACING_FLAGS = ["requiresDuplicateDetection", "enablePartitioning"];

const ENTITY_DEFAULTS: PropertyMap = {
  defaultMessageTimeToLive: FOREVER,
  autoDeleteOnIdle: FOREVER,
  enableBatchedOperations: true,
  status: "Active",
};
const RECEIVER_DEFAULTS: PropertyMap = {
  lockDuration: "PT1M",
  maxDeliveryCount: 10,
  requiresSession: false,
  deadLetteringOnMessageExpiration: false,
};
const STORED_DEFAULTS: PropertyMap = {
  requiresDuplicateDetection: false,
  duplicateDetectionHistoryTimeWindow: "PT10M",
  enablePartitioning: false,
  enableExpress: false,
  maxSizeInMegabytes: 1024,
  maxMessageSizeInKilobytes: 256,
};
const NO_MESSAGES = {
  activeMessageCount: 0,
  deadLetterMessageCount: 0,
  scheduledMessageCount: 0,
  transferMessageCount: 0,
  transferDeadLetterMessageCount: 0,
};

const succeeded = () => ({ provisioningState: "Succeeded" });
const dated = ({ madeAt }: MadeResource) => ({ createdAt: madeAt, updatedAt: madeAt });

const ENTITY_NAME: NameRule = {
  pattern: /^[A-Za-z0-9](?:[\w./-]{0,258}[A-Za-z0-9])?$/,
  words:
    "1 to 260 letters, digits, periods, hyphens, underscores or slashes, beginning and ending with a letter or digit",
};
const PLAIN_NAME: NameRule = {
  pattern: /^[A-Za-z0-9](?:[\w.-]{0,78}\w)?$/,
  words: "1 to 80 letters, digits, periods, hyphens or underscores, beginning with a letter or digit",
};

/** Every type that the stand-in knows, by its token. */
export const ARM_TYPES: Readonly<Record<string, ArmType>> = {
  "azure-native:resources:ResourceGroup": {
    path: GROUP,
    arm: "Microsoft.Resources/resourceGroups",
    autoName: AutoName.Random,
    name: {
      pattern: /^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$/u,
      words: "1 to 90 letters, digits, underscores, hyphens, periods or parentheses, not ending with a period",
    },
    located: "replaces",
    outputs: () => ({ properties: succeeded() }),
  },
  "azure-native:servicebus:Namespace": {
    path: SERVICEBUS,
    arm: "Microsoft.ServiceBus/Namespaces",
    autoName: AutoName.Random,
    name: {
      pattern: /^(?!.*(?:-sb|-mgmt)$)[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]$/,
      words: "6 to 50 letters, digits or hyphens, beginning with a letter, not ending with a hyphen, -sb or -mgmt",
    },
    located: "replaces",
    refusesChange: ["premiumMessagingPartitions"],
    defaults: { minimumTlsVersion: "1.2", publicNetworkAccess: "Enabled", disableLocalAuth: false },
    outputs: (made) => ({
      ...succeeded(),
      ...dated(made),
      status: "Active",
      metricId: `${made.id.split("/")[2]}:${made.name}`,
      serviceBusEndpoint: `https://${made.name}.servicebus.windows.net:443/`,
    }),
  },
  "azure-native:servicebus:NamespaceNetworkRuleSet": {
    path: `${SERVICEBUS}/networkRuleSets/default`,
    arm: "Microsoft.ServiceBus/Namespaces/NetworkRuleSets",
    autoName: AutoName.Fixed,
    // Azure opens a namespace where the field is left out: pulumi-azure-native #4825.
    defaults: { defaultAction: "Allow", publicNetworkAccess: "Enabled" },
  },
  "azure-native:servicebus:Queue": {
    path: `${SERVICEBUS}/queues/{queueName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Queues",
    autoName: AutoName.Copy,
    name: ENTITY_NAME,
    replaceOn: [...REPLACING_FLAGS, "requiresSession"],
    refusesChange: ["enableExpress"],
    defaults: { ...ENTITY_DEFAULTS, ...STORED_DEFAULTS, ...RECEIVER_DEFAULTS },
    outputs: (made) => ({ ...dated(made), countDetails: NO_MESSAGES, messageCount: 0, sizeInBytes: 0 }),
  },
  "azure-native:servicebus:Topic": {
    path: `${SERVICEBUS}/topics/{topicName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Topics",
    autoName: AutoName.Copy,
    name: ENTITY_NAME,
    replaceOn: REPLACING_FLAGS,
    refusesChange: ["enableExpress"],
    defaults: { ...ENTITY_DEFAULTS, ...STORED_DEFAULTS, supportOrdering: false },
    outputs: (made) => ({ ...dated(made), countDetails: NO_MESSAGES, subscriptionCount: 0, sizeInBytes: 0 }),
  },
  "azure-native:servicebus:Subscription": {
    path: `${SERVICEBUS}/topics/{topicName}/subscriptions/{subscriptionName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Topics/Subscriptions",
    autoName: AutoName.Copy,
    name: {
      pattern: /^[A-Za-z0-9](?:[\w.-]{0,48}[A-Za-z0-9])?$/,
      words: "1 to 50 letters, digits, periods, hyphens or underscores, beginning and ending with a letter or digit",
    },
    refusesChange: ["requiresSession", "isClientAffine", "clientAffineProperties"],
    defaults: { ...ENTITY_DEFAULTS, ...RECEIVER_DEFAULTS, deadLetteringOnFilterEvaluationExceptions: true },
    outputs: (made) => ({ ...dated(made), countDetails: NO_MESSAGES, messageCount: 0 }),
  },
  "azure-native:servicebus:Rule": {
    path: `${SERVICEBUS}/topics/{topicName}/subscriptions/{subscriptionName}/rules/{ruleName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Topics/Subscriptions/Rules",
    autoName: AutoName.Copy,
    name: {
      pattern: /^(?:\$Default|[A-Za-z0-9](?:[\w.-]{0,48}[A-Za-z0-9])?)$/,
      words: "1 to 50 letters, digits, periods, hyphens or underscores, beginning and ending with a letter or digit",
    },
    defaults: { filterType: "SqlFilter" },
  },
  "azure-native:servicebus:DefaultRule": {
    path: `${SERVICEBUS}/topics/{topicName}/subscriptions/{subscriptionName}/rules/$Default`,
    arm: "Microsoft.ServiceBus/Namespaces/Topics/Subscriptions/Rules",
    autoName: AutoName.Fixed,
    defaults: { filterType: "SqlFilter" },
  },
  "azure-native:managedidentity:UserAssignedIdentity": {
    path: IDENTITY,
    arm: "Microsoft.ManagedIdentity/userAssignedIdentities",
    autoName: AutoName.Random,
    name: {
      pattern: /^[A-Za-z0-9][\w-]{2,127}$/,
      words: "3 to 128 letters, digits, hyphens or underscores, beginning with a letter or digit",
    },
    located: "fixed",
    outputs: ({ id, tenantId }) => ({
      principalId: uuidOf(`${id}#principal`),
      clientId: uuidOf(`${id}#client`),
      tenantId,
    }),
  },
  "azure-native:managedidentity:FederatedIdentityCredential": {
    path: `${IDENTITY}/federatedIdentityCredentials/{federatedIdentityCredentialResourceName}`,
    arm: "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    autoName: AutoName.Copy,
    name: {
      pattern: /^[A-Za-z0-9][\w-]{2,119}$/,
      words: "3 to 120 letters, digits, hyphens or underscores, beginning with a letter or digit",
    },
    required: ["issuer", "subject", "audiences"],
    refusesTwoWrites: {
      code: "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
      message: (parent) =>
        `Too many Federated Identity Credentials are written concurrently for the managed identity '${parent}'. ` +
        "Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
    },
  },
  "azure-native:authorization:RoleAssignment": {
    path: "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    arm: "Microsoft.Authorization/roleAssignments",
    autoName: AutoName.Uuid,
    name: { pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, words: "a UUID" },
    required: ["principalId", "roleDefinitionId"],
    replaceOn: ["principalId"],
    refusesChange: ["roleDefinitionId", "principalType"],
    defaults: { principalType: "User" },
    outputs: ({ madeAt }) => ({ createdOn: madeAt, updatedOn: madeAt }),
  },
  "azure-native:network:VirtualNetwork": {
    path: `${NETWORK}/virtualNetworks/{virtualNetworkName}`,
    arm: "Microsoft.Network/virtualNetworks",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "replaces",
    outputs: ({ id }) => ({ ...succeeded(), resourceGuid: uuidOf(id) }),
  },
  "azure-native:network:Subnet": {
    path: `${NETWORK}/virtualNetworks/{virtualNetworkName}/subnets/{subnetName}`,
    arm: "Microsoft.Network/virtualNetworks/subnets",
    autoName: AutoName.Copy,
    name: PLAIN_NAME,
    outputs: succeeded,
  },
  "azure-native:network:NetworkSecurityGroup": {
    path: `${NETWORK}/networkSecurityGroups/{networkSecurityGroupName}`,
    arm: "Microsoft.Network/networkSecurityGroups",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "fixed",
    outputs: ({ id }) => ({ ...succeeded(), resourceGuid: uuidOf(id) }),
  },
  "azure-native:network:NetworkInterface": {
    path: `${NETWORK}/networkInterfaces/{networkInterfaceName}`,
    arm: "Microsoft.Network/networkInterfaces",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "fixed",
    outputs: ({ id }) => ({ ...succeeded(), resourceGuid: uuidOf(id) }),
    shown: ({ id, inputs, state }) => ({ ipConfigurations: withAddresses(id, inputs["ipConfigurations"], state) }),
  },
  "azure-native:compute:VirtualMachine": {
    path: `${COMPUTE}/virtualMachines/{vmName}`,
    arm: "Microsoft.Compute/virtualMachines",
    autoName: AutoName.Random,
    name: { ...PLAIN_NAME, pattern: /^[A-Za-z0-9](?:[\w.-]{0,62}\w)?$/, words: PLAIN_NAME.words.replace("80", "64") },
    located: "replaces",
    refusesChange: [
      "zones",
      "availabilitySet",
      "plan",
      "osProfile.adminUsername",
      "osProfile.customData",
      "storageProfile.imageReference",
      "storageProfile.osDisk.createOption",
    ],
    outputs: ({ id, madeAt }) => ({ ...succeeded(), vmId: uuidOf(id), timeCreated: madeAt }),
  },
  "azure-native:compute:Disk": {
    path: `${COMPUTE}/disks/{diskName}`,
    arm: "Microsoft.Compute/disks",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "replaces",
    required: ["creationData"],
    refusesChange: ["zones", "creationData", "hyperVGeneration"],
    defaults: { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" },
    outputs: ({ id, madeAt }) => ({
      ...succeeded(),
      uniqueId: uuidOf(id),
      timeCreated: madeAt,
      diskState: "Unattached",
    }),
  },
  "azure-native:compute:AvailabilitySet": {
    path: `${COMPUTE}/availabilitySets/{availabilitySetName}`,
    arm: "Microsoft.Compute/availabilitySets",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "replaces",
    refusesChange: ["platformFaultDomainCount", "platformUpdateDomainCount"],
  },
  "azure-native:compute:ProximityPlacementGroup": {
    path: `${COMPUTE}/proximityPlacementGroups/{proximityPlacementGroupName}`,
    arm: "Microsoft.Compute/proximityPlacementGroups",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "replaces",
    refusesChange: ["proximityPlacementGroupType", "zones"],
  },
  "azure-native:monitor:DiagnosticSetting": {
    path: "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    arm: "Microsoft.Insights/diagnosticSettings",
    autoName: AutoName.Copy,
    name: { pattern: /^[^*<>%&:\\?+/]{1,260}$/, words: "1 to 260 characters without *<>%&:\\?+/" },
  },
  "azure-native:monitor:MetricAlert": {
    path: `${GROUP}/providers/Microsoft.Insights/metricAlerts/{ruleName}`,
    arm: "Microsoft.Insights/metricAlerts",
    autoName: AutoName.Random,
    name: {
      pattern: /^[^*#&+:<>?@%{}\\/]{0,259}[^*#&+:<>?@%{}\\/. ]$/,
      words: "1 to 260 characters without *#&+:<>?@%{}\\/, not ending with a space or a period",
    },
    required: ["criteria", "enabled", "evaluationFrequency", "scopes", "severity", "windowSize"],
    // Alert rules lie in no region: Azure takes the value "global" alone for metrics of resources.
    defaults: { location: "global", autoMitigate: true },
  },
};
