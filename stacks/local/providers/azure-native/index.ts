import { createRequire } from "node:module";
import { join } from "node:path";
import { packageRoot } from "../../../packageRoot.js";
import { isUnknown, type PropertyMap, ProviderStandIn } from "../base/index.js";
import { type ArmEffects, bringAbout, inOrderOfEffect, type ServiceBusEffects } from "./effects.js";
import type { IdentityEffects } from "./identityEffects.js";
import { type AdoptedCluster, armInvokes } from "./invokes.js";
import { type ArmSettings, armModel } from "./model.js";
import { ARM_TYPES } from "./types.js";

export type { EntityProperties, ServiceBusEffects, SharedAccessKeys } from "./effects.js";
export type { FederatedToken, IdentityEffects, ManagedIdentity, RoleAssignment } from "./identityEffects.js";
export { uuidOf } from "./ids.js";
export type { AdoptedCluster } from "./invokes.js";
export { ARM_TYPES } from "./types.js";

export interface AzureNativeOptions {
  /** Where the state is kept. */
  stateFile: string;
  /** What Service Bus resources bring about; without it (a preview) they bring nothing about. */
  effects?: ServiceBusEffects;
  /** What identities and role assignments bring about; without it they are kept only. */
  identities?: IdentityEffects;
  /** The cluster that the stack adopts; by default one with an issuer in Azure's form. */
  cluster?: AdoptedCluster;
  /**
   * Managed identities that are there beforehand, as `resource group/name`.
   * @default with effects none but the stack's own; in a preview any that is named
   */
  existingIdentities?: readonly string[];
  /** Resource groups that are there beforehand. @default any that is named */
  resourceGroups?: readonly string[];
  /** @default the current time */
  now?: () => Date;
}

/** The subscription of the stand-in, where the stack's configuration names none. */
const SUBSCRIPTION = "00000000-0000-4000-8000-000000000001";
/** Its tenant, likewise. */
export const TENANT = "00000000-0000-4000-8000-000000000002";

/**
 * A stand-in for the azure-native provider: a small Azure Resource Manager with the types of ARM_TYPES. It reads
 * `azure-native:subscriptionId`, `tenantId` and `location` of the stack's configuration. With effects, those of the
 * resources in the state are brought about again before it is returned.
 */
export async function createAzureNativeStandIn(options: AzureNativeOptions): Promise<ProviderStandIn> {
  const settings: ArmSettings = {
    subscriptionId: SUBSCRIPTION,
    tenantId: TENANT,
    location: undefined,
    resourceGroups: options.resourceGroups,
    effects: { serviceBus: options.effects, identities: options.identities },
    now: options.now ?? (() => new Date()),
  };
  const models = new Map(Object.entries(ARM_TYPES).map(([token, type]) => [token, armModel(token, type, settings)]));
  const standIn = new ProviderStandIn({
    name: "azure-native",
    version: sdkVersion(),
    types: [...models.keys()],
    model: (token) => models.get(token),
    invokes: armInvokes(settings, options.cluster, options.existingIdentities ?? (isPreview(options) ? undefined : [])),
    stateFile: options.stateFile,
    configure: (config) => {
      settings.subscriptionId = setting(config, "subscriptionId") ?? SUBSCRIPTION;
      settings.tenantId = setting(config, "tenantId") ?? TENANT;
      settings.location = setting(config, "location");
    },
  });
  if (settings.effects !== undefined) await replay(standIn, settings.effects);
  return standIn;
}

async function replay({ state }: ProviderStandIn, effects: ArmEffects): Promise<void> {
  for (const resource of inOrderOfEffect(state.list())) {
    const outputs = await bringAbout(effects, resource);
    if (Object.keys(outputs).length > 0) state.put({ ...resource, outputs: { ...resource.outputs, ...outputs } });
  }
}

/** Whether nothing is brought about, so that what the stack adopts is there only in name. */
function isPreview({ effects, identities }: AzureNativeOptions): boolean {
  return effects === undefined && identities === undefined;
}

function setting(config: PropertyMap, name: string): string | undefined {
  const value = config[name];
  return isUnknown(value) || typeof value !== "string" || value === "" ? undefined : value;
}

/** The version of the SDK that the program uses: the engine asks for that of the provider. */
function sdkVersion(): string {
  const manifest: unknown = createRequire(join(packageRoot(), "package.json"))("@pulumi/azure-native/package.json");
  const version = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  return String(version);
}
