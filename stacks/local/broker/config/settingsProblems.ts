import { SettingsError, type SettingsProblem } from "../core/settings.js";

/** Settings whose name in a configuration file is another word than their own with a capital. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["timeToLive", "DefaultMessageTimeToLive"],
  ["lockDurationSeconds", "LockDuration"],
  ["duplicateDetectionWindowSeconds", "DuplicateDetectionHistoryTimeWindow"],
  ["autoDeleteOnIdleSeconds", "AutoDeleteOnIdle"],
]);

/** What a setting is called in a configuration file. */
export function propertyName(setting: string): string {
  return NAMES.get(setting) ?? `${setting.slice(0, 1).toUpperCase()}${setting.slice(1)}`;
}

/** Runs something that refuses settings; gives what it refused in the words of the file, under the entity's path. */
export function settingsProblems(path: string, run: () => void): SettingsProblem[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems.map((each) => ({ ...each, path: `${path}.Properties.${propertyName(each.path)}` }));
    }
    throw error;
  }
}
