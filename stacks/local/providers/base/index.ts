export { diffProperties, type PropertyChange, parsePath, type SameValue } from "./diff.js";
export {
  type CheckContext,
  type CheckResult,
  type InvokeModel,
  type OperationContext,
  PartialFailureError,
  type ProviderContext,
  type ResourceContext,
  type ResourceModel,
} from "./model.js";
export { ProviderStandIn, type ProviderStandInOptions } from "./server.js";
export { writePluginShim } from "./shim.js";
export { ProviderState, type StoredResource } from "./state.js";
export {
  holdsUnknown,
  isPropertyMap,
  isUnknown,
  type PropertyMap,
  type PropertyValue,
  UNKNOWN,
  Unknown,
} from "./values.js";
