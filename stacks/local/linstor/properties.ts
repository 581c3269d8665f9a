import type { Answer } from "./answers.js";
import { Code, type Subject } from "./codes.js";
import type { Properties } from "./model.js";

/** A change of properties, as LINSTOR takes it. */
export interface PropertyChange {
  override_props?: Properties | undefined;
  delete_props?: string[] | undefined;
  delete_namespaces?: string[] | undefined;
}

/** Beginnings of the property keys that this stand-in takes; LINSTOR has a list of every key. */
const KNOWN = ["Aux/", "AutoplaceTarget", "DrbdOptions/", "StorDriver/", "StorPoolName", "PrefNic", "Autoplacer/"];

/** Ends the answer where a key is not LINSTOR's. */
export function needPropertyKeys(answer: Answer, keys: readonly string[], details: string): void {
  const wrong = keys.find((key) => !KNOWN.some((known) => key.startsWith(known)));
  if (wrong !== undefined)
    answer.fail(Code.InvalidProperty, `Invalid property key: ${wrong}`, {
      cause: `The key '${wrong}' is not whitelisted.`,
      details,
      reported: true,
    });
}

/** Applies a change to `props` in place; returns the keys that were set and those that were deleted. */
export function changeProperties(props: Properties, change: PropertyChange): { set: string[]; deleted: string[] } {
  const set = Object.keys(change.override_props ?? {});
  const spaces = (change.delete_namespaces ?? []).map((space) => `${space.replace(/\/+$/, "")}/`);
  const deleted = Object.keys(props).filter(
    (key) => change.delete_props?.includes(key) === true || spaces.some((space) => key.startsWith(space)),
  );
  for (const key of deleted) delete props[key];
  Object.assign(props, change.override_props);
  return { set, deleted };
}

/** Checks a change, applies it, and writes what LINSTOR says about it. */
export function applyProperties(
  answer: Answer,
  subject: Subject,
  props: Properties,
  change: PropertyChange,
  details: string,
): void {
  needPropertyKeys(answer, Object.keys(change.override_props ?? {}), details);
  const { set, deleted } = changeProperties(props, change);
  answer.propertiesSet(subject, set).propertiesDeleted(subject, deleted);
}
