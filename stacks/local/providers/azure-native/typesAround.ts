import { withAddresses } from "./addresses.js";
import { type ArmType, AutoName, GROUP, PLAIN_NAME, succeeded } from "./armType.js";
import { uuidOf } from "./ids.js";

const NETWORK = `${GROUP}/providers/Microsoft.Network`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;

/** Types of what surrounds a bus: networks, machines, monitoring and locks, by their tokens. */
export const TYPES_AROUND: Readonly<Record<string, ArmType>> = {
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
  "azure-native:network:PrivateEndpoint": {
    path: `${NETWORK}/privateEndpoints/{privateEndpointName}`,
    arm: "Microsoft.Network/privateEndpoints",
    autoName: AutoName.Random,
    name: PLAIN_NAME,
    located: "fixed",
    replaceOn: ["subnet"],
    refusesChange: ["privateLinkServiceConnections", "ipConfigurations"],
    outputs: succeeded,
  },
  "azure-native:network:PrivateDnsZoneGroup": {
    path: `${NETWORK}/privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}`,
    arm: "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    autoName: AutoName.Copy,
    name: PLAIN_NAME,
    outputs: succeeded,
  },
  "azure-native:privatedns:PrivateZone": {
    path: `${NETWORK}/privateDnsZones/{privateZoneName}`,
    arm: "Microsoft.Network/privateDnsZones",
    autoName: AutoName.Random,
    name: {
      pattern:
        /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)+$/,
      words: "a domain of 2 to 34 labels of letters, digits, hyphens or underscores",
    },
    // Zones lie in no region, and Azure takes the value "global" alone.
    defaults: { location: "global" },
    outputs: succeeded,
  },
  "azure-native:privatedns:VirtualNetworkLink": {
    path: `${NETWORK}/privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}`,
    arm: "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    autoName: AutoName.Copy,
    name: PLAIN_NAME,
    refusesChange: ["virtualNetwork"],
    defaults: { location: "global", registrationEnabled: false },
    outputs: () => ({ ...succeeded(), virtualNetworkLinkState: "Completed" }),
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
  "azure-native:monitor:AutoscaleSetting": {
    path: `${GROUP}/providers/Microsoft.Insights/autoscaleSettings/{autoscaleSettingName}`,
    arm: "Microsoft.Insights/autoscaleSettings",
    autoName: AutoName.Random,
    name: {
      pattern: /^[^*#&+:<>?@%{}\\/|]{0,259}[^*#&+:<>?@%{}\\/|. ]$/,
      words: "1 to 260 characters without *#&+:<>?@%{}\\/|, not ending with a space or a period",
    },
    located: "fixed",
    required: ["profiles"],
    // A setting that is not said to be on does nothing.
    defaults: { enabled: false },
  },
  "azure-native:authorization:ManagementLockByScope": {
    path: "{scope}/providers/Microsoft.Authorization/locks/{lockName}",
    arm: "Microsoft.Authorization/locks",
    autoName: AutoName.Random,
    name: { pattern: /^[^<>%&:\\?/]{1,90}$/, words: "1 to 90 characters without <>%&:\\?/" },
    required: ["level"],
  },
};
