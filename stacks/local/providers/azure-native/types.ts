import type { PropertyMap } from "../base/index.js";
import { type ArmType, AutoName, GROUP, type MadeResource, type NameRule, succeeded } from "./armType.js";
import { uuidOf } from "./ids.js";
import { TYPES_AROUND } from "./typesAround.js";

export { type ArmType, AutoName, type MadeResource, type NameRule } from "./armType.js";

const SERVICEBUS = `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}`;
const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{resourceName}`;

const FOREVER = "P10675199DT2H48M5.4775807S";
// Changing these replaces queue or topic, and its messages go with it: pulumi-azure-native #1274.
const REPLACING_FLAGS = ["requiresDuplicateDetection", "enablePartitioning"];

const ENTITY_DEFAULTS: PropertyMap = {
  defaultMessageTimeToLive: FOREVER,
  autoDeleteOnIdle: FOREVER,
  enableBatchedOperations: true,
  status: "Active",
};
const SHARED_ACCESS_RULE = {
  autoName: AutoName.Copy,
  name: {
    pattern: /^[A-Za-z0-9](?:[\w.-]{0,48}[A-Za-z0-9])?$/,
    words: "1 to 50 letters, digits, periods, hyphens or underscores, beginning and ending with a letter or digit",
  },
  required: ["rights"],
} as const;
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

const dated = ({ madeAt }: MadeResource) => ({ createdAt: madeAt, updatedAt: madeAt });

const ENTITY_NAME: NameRule = {
  // A slash would end the name in the id: who means one writes a tilde, and the entity has the slash.
  pattern: /^[A-Za-z0-9](?:[\w.~-]{0,258}[A-Za-z0-9_])?$/,
  words:
    "1 to 260 letters, digits, periods, hyphens, underscores or tildes (each for a slash), " +
    "beginning with a letter or digit, ending with one or an underscore",
};
const SERVICEBUS_NAME: NameRule = {
  pattern: /^(?!.*(?:-sb|-mgmt)$)[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]$/,
  words: "6 to 50 letters, digits or hyphens, beginning with a letter, not ending with a hyphen, -sb or -mgmt",
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
    name: SERVICEBUS_NAME,
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
  "azure-native:servicebus:DisasterRecoveryConfig": {
    path: `${SERVICEBUS}/disasterRecoveryConfigs/{alias}`,
    arm: "Microsoft.ServiceBus/Namespaces/DisasterRecoveryConfigs",
    autoName: AutoName.Copy,
    name: SERVICEBUS_NAME,
    refusesChange: ["partnerNamespace"],
    outputs: () => ({ ...succeeded(), role: "Primary", pendingReplicationOperationsCount: 0 }),
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
  "azure-native:servicebus:NamespaceAuthorizationRule": {
    path: `${SERVICEBUS}/authorizationRules/{authorizationRuleName}`,
    arm: "Microsoft.ServiceBus/Namespaces/AuthorizationRules",
    ...SHARED_ACCESS_RULE,
  },
  "azure-native:servicebus:QueueAuthorizationRule": {
    path: `${SERVICEBUS}/queues/{queueName}/authorizationRules/{authorizationRuleName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Queues/AuthorizationRules",
    ...SHARED_ACCESS_RULE,
  },
  "azure-native:servicebus:TopicAuthorizationRule": {
    path: `${SERVICEBUS}/topics/{topicName}/authorizationRules/{authorizationRuleName}`,
    arm: "Microsoft.ServiceBus/Namespaces/Topics/AuthorizationRules",
    ...SHARED_ACCESS_RULE,
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
  ...TYPES_AROUND,
};
