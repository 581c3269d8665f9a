import {
  isPropertyMap,
  type PropertyMap,
  type PropertyValue,
  type ProviderState,
  type StoredResource,
} from "../base/index.js";
import { sameId } from "./ids.js";

const SUBNET_TYPE = "azure-native:network:Subnet";
const INTERFACE_TYPE = "azure-native:network:NetworkInterface";
/** Range of a subnet that is not of this stack, so that its own is not known here. */
const ADOPTED_RANGE = "10.0.0.0/16";
/** Azure keeps the first four addresses of a subnet and the last one: "Azure Virtual Network FAQ". */
const KEPT_FIRST = 4;

/**
 * The configurations of a network interface as Azure shows them: each has an address, the one it had before or the
 * first free one of its subnet. Throws where a subnet is full.
 */
export function withAddresses(
  interfaceId: string,
  configurations: PropertyValue | undefined,
  state: ProviderState,
): PropertyValue {
  if (!Array.isArray(configurations)) return [];
  const before = configurationsOf(state.list(INTERFACE_TYPE).find((each) => sameId(each.id, interfaceId)));
  const given: string[] = [];
  return configurations.map((configuration) => {
    if (!isPropertyMap(configuration)) return configuration;
    const id = `${interfaceId}/ipConfigurations/${String(configuration["name"] ?? "default")}`;
    const kept = before.find((each) => each["id"] === id && subnetOf(each) === subnetOf(configuration));
    const address =
      configuration["privateIPAddress"] ??
      kept?.["privateIPAddress"] ??
      firstFree(subnetOf(configuration), given, interfaceId, state);
    given.push(String(address));
    return { ...configuration, id, privateIPAddress: address, provisioningState: "Succeeded" };
  });
}

function firstFree(subnetId: string, given: string[], interfaceId: string, state: ProviderState): string {
  const others = state.list(INTERFACE_TYPE).filter((each) => !sameId(each.id, interfaceId));
  const inSubnet = others.flatMap(configurationsOf).filter((each) => subnetOf(each) === subnetId);
  const taken = new Set([...given, ...inSubnet.map((each) => String(each["privateIPAddress"]))]);
  const [first, last] = hostsOf(rangeOf(subnetId, state));
  for (let number = first; number <= last; number++) {
    const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
    if (!taken.has(address)) return address;
  }
  throw new Error(`Status=400 Code="SubnetIsFull" Message="Subnet '${subnetId}' has no free address."`);
}

function configurationsOf(resource: StoredResource | undefined): PropertyMap[] {
  const shown = resource?.outputs["ipConfigurations"];
  return Array.isArray(shown) ? shown.filter(isPropertyMap) : [];
}

/** Id of the subnet of a configuration, in lower case. */
function subnetOf(configuration: PropertyMap): string {
  const subnet = configuration["subnet"];
  return isPropertyMap(subnet) ? String(subnet["id"]).toLowerCase() : "";
}

function rangeOf(subnetId: string, state: ProviderState): string {
  const subnet = state.list(SUBNET_TYPE).find((each) => sameId(each.id, subnetId));
  const prefixes = subnet?.outputs["addressPrefixes"];
  const prefix = subnet?.outputs["addressPrefix"] ?? (Array.isArray(prefixes) ? prefixes[0] : undefined);
  return typeof prefix === "string" ? prefix : ADOPTED_RANGE;
}

/** First and last address that Azure gives, as numbers. */
function hostsOf(range: string): [number, number] {
  const [base = "", bits = "32"] = range.split("/");
  const start = base.split(".").reduce((number, part) => number * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  return [start + KEPT_FIRST, start + size - 2];
}
