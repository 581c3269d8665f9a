import type { EntityInfo } from "../core/entityInfo.js";
import { type QueueSettings, refuseReplacement, resolveSettings, type SettingsProblem } from "../core/settings.js";
import { settingsProblems } from "./settingsProblems.js";

/** An entity of a configuration, and where the file names it. */
export interface Placed {
  readonly kind: EntityInfo["kind"];
  /** As in an address: `orders`, `events/Subscriptions/audit`. */
  readonly address: string;
  /** `UserConfig.Namespaces[0].Queues[2]`. */
  readonly path: string;
  readonly settings: QueueSettings;
}

/**
 * What of a configuration cannot be set, because a broker (one with a data folder, mostly) has an entity of the name that
 * is of another kind, or was made with another setting of those that are fixed then.
 */
export function conflicts(entities: readonly EntityInfo[], configured: readonly Placed[]): SettingsProblem[] {
  const there = new Map(entities.map((entity) => [entity.path.toLowerCase(), entity]));
  const fix = "Set it back, or start with another data folder.";
  return configured.flatMap(({ kind, address, path, settings }) => {
    const entity = there.get(address.toLowerCase());
    if (entity === undefined) {
      return [];
    }
    if (entity.kind !== kind) {
      return [{ path: `${path}.Name`, value: address, reason: `is the name of a ${entity.kind} that is there`, fix }];
    }
    const [before, after] = [entity.settings, settings].map((each) => resolveSettings(address, each));
    return before === undefined || after === undefined
      ? []
      : settingsProblems(path, () => refuseReplacement(address, before, after)).map((each) => ({ ...each, fix }));
  });
}
