import type { ProviderState, StoredResource } from "../base/index.js";
import { ArmError } from "./errors.js";
import { sameId } from "./ids.js";

const LOCK_TYPE = "azure-native:authorization:ManagementLockByScope";
const PAIRING_TYPE = "azure-native:servicebus:DisasterRecoveryConfig";

/** What is about to be done with a resource. */
export const Deed = { Write: "write", Delete: "delete" } as const;
export type Deed = (typeof Deed)[keyof typeof Deed];

/** Refuses what a lock forbids on its scope and on all that lies in it; a lock itself may always go. */
export function refuseLocked(deed: Deed, token: string, id: string, state: ProviderState): void {
  if (token === LOCK_TYPE) return;
  const within = (lock: StoredResource) => {
    const scope = String(lock.inputs["scope"]);
    return sameId(id, scope) || id.toLowerCase().startsWith(`${scope.toLowerCase()}/`);
  };
  const forbids = (lock: StoredResource) => deed === Deed.Delete || lock.inputs["level"] === "ReadOnly";
  const lock = state.list(LOCK_TYPE).find((each) => within(each) && forbids(each));
  if (lock === undefined) return;
  const text =
    `The scope '${id}' cannot perform ${deed} operation because following scope(s) are locked: ` +
    `'${lock.inputs["scope"]}'. Please remove the lock and try again.`;
  throw new ArmError(409, "ScopeLocked", text);
}

/** Refuses a change of a namespace that is paired as the second of geo-disaster recovery: pulumi knows no such rule. */
export function refusePairedChange(id: string, state: ProviderState): void {
  const paired = state.list(PAIRING_TYPE).some((each) => sameId(String(each.inputs["partnerNamespace"]), id));
  if (paired) throw new ArmError(400, "BadRequest", "Cannot update a namespace which is secondary.");
}
