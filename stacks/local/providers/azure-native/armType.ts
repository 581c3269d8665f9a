import type { PropertyMap, ProviderState } from "../base/index.js";
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

/** What lies in a resource group begins so. */
export const GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}";

/** The name of most resources. */
export const PLAIN_NAME: NameRule = {
  pattern: /^[A-Za-z0-9](?:[\w.-]{0,78}\w)?$/,
  words: "1 to 80 letters, digits, periods, hyphens or underscores, beginning with a letter or digit",
};

/** What Azure answers once something is made. */
export const succeeded = () => ({ provisioningState: "Succeeded" });
