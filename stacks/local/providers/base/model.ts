import type { Problem } from "../../../../runtime/contract/index.js";
import type { SameValue } from "./diff.js";
import type { ProviderState, StoredResource } from "./state.js";
import type { PropertyMap } from "./values.js";

/** What every operation knows. */
export interface ProviderContext {
  /** What the far end holds. A model reads it; the stand-in writes it after each operation. */
  readonly state: ProviderState;
  /** Aborted when the engine cancels its run and when the stand-in is closed. */
  readonly signal: AbortSignal;
}

export interface ResourceContext extends ProviderContext {
  readonly urn: string;
  /** Type token, `azure-native:servicebus:Queue`. */
  readonly type: string;
  /** Name in the program: the last part of the URN. */
  readonly name: string;
}

export interface CheckContext extends ResourceContext {
  /** The inputs that the resource has now; undefined for a new one. */
  readonly olds: PropertyMap | undefined;
  /**
   * Hex digits for a made-up name, the same for the same step of the same run.
   * @param length 1 to 64
   */
  randomHex(length: number): string;
}

export interface CheckResult {
  /** The inputs with what the far end fills in (a made-up name). */
  inputs: PropertyMap;
  /** What is wrong with them; the run fails before anything is made. */
  failures?: Problem[];
}

export interface OperationContext extends ResourceContext {
  /** `customTimeouts` of the resource in seconds; 0 where the program gives none. */
  readonly timeoutSeconds: number;
}

/** How one type of resource behaves. Inputs may hold `UNKNOWN` in `check` and `preview` only. */
export interface ResourceModel {
  /** Fills in and checks inputs; without it they are taken as they are. */
  check?(inputs: PropertyMap, context: CheckContext): CheckResult | Promise<CheckResult>;
  /** Properties whose change replaces the resource: `name`, `spec.selector`, `rules[*].id`, `tags.*`. */
  readonly replaceOn?: readonly string[];
  /** True where the old one must go before the new one is made, as two cannot have the same name. */
  deleteBeforeReplace?(olds: PropertyMap, news: PropertyMap): boolean;
  /** Values that mean the same to the far end. */
  readonly same?: SameValue;
  /**
   * Outputs as far as they are known before the resource is made (or changed, where `id` is given). What is left
   * out is unknown to the program. Without it: the inputs, and with an id the old outputs below them.
   */
  preview?(inputs: PropertyMap, context: OperationContext, current?: StoredResource): PropertyMap;
  create(inputs: PropertyMap, context: OperationContext): Promise<{ id: string; outputs: PropertyMap }>;
  /** The resource as it is now; undefined if it is gone. Without it: what the state holds. */
  read?(id: string, context: ResourceContext): Promise<StoredResource | undefined>;
  /** The outputs after the change. Without it every change is refused, so `replaceOn` must name every property. */
  update?(id: string, current: StoredResource, news: PropertyMap, context: OperationContext): Promise<PropertyMap>;
  /** Takes the resource away; called for one that is gone as well. */
  delete?(id: string, current: StoredResource, context: OperationContext): Promise<void>;
}

/** A function of the provider: `azure-native:containerservice:getManagedCluster`. */
export type InvokeModel = (args: PropertyMap, context: ProviderContext) => PropertyMap | Promise<PropertyMap>;

/**
 * Thrown by `create` and `update` where the resource was made or changed but did not become what was asked for
 * (a deployment that is not ready in time): the engine keeps it in its state and the run fails with the reasons.
 */
export class PartialFailureError extends Error {
  constructor(
    readonly id: string,
    readonly outputs: PropertyMap,
    readonly reasons: string[],
  ) {
    super(reasons.join("; "));
    this.name = "PartialFailureError";
  }
}
