/** What an entity does at present; `SendDisabled` and `ReceiveDisabled` stop one side only. */
export const EntityStatus = {
  Active: "Active",
  Disabled: "Disabled",
  SendDisabled: "SendDisabled",
  ReceiveDisabled: "ReceiveDisabled",
} as const;
export type EntityStatus = (typeof EntityStatus)[keyof typeof EntityStatus];

/** Settings of a subscription, and those that a queue shares with it. All times in seconds. */
export interface SubscriptionSettings {
  /**
   * Messages belong to sessions; each session has one receiver at a time and keeps its order.
   * Changing it on an existing entity is refused: Azure replaces the entity, and its messages go with it.
   * @default false
   */
  readonly requiresSession?: boolean;
  /** How long a receiver holds a message or a session: 1 to 300 (Azure takes 5 to 300). @default 60 */
  readonly lockDurationSeconds?: number;
  /** Deliveries without success after which a message is dead-lettered: 1 to 2000. @default 10 */
  readonly maxDeliveryCount?: number;
  /** Seconds a message may wait; a message's own time to live counts if it is shorter. At least 0.001. @default for ever */
  readonly timeToLive?: number;
  /** An expired message goes to the dead-letter queue instead of away. @default false */
  readonly deadLetteringOnMessageExpiration?: boolean;
  /** @default "Active" */
  readonly status?: EntityStatus;
}

/** Settings of a topic. All times in seconds. */
export interface TopicSettings {
  /** Seconds; as for a queue, and it also bounds what a subscription keeps. @default for ever */
  readonly timeToLive?: number;
  /** A second message with the same id within the window is taken and dropped. Fixed when the entity is made. @default false */
  readonly requiresDuplicateDetection?: boolean;
  /** 1 to 604800 seconds. @default 600 */
  readonly duplicateDetectionWindowSeconds?: number;
  /** @default "Active" */
  readonly status?: EntityStatus;
}

/** Settings of a queue. All times in seconds. */
export interface QueueSettings extends SubscriptionSettings, TopicSettings {}

/** Settings with every default filled in; times in milliseconds. */
export interface EntityRules {
  readonly requiresSession: boolean;
  readonly lockMs: number;
  readonly maxDeliveryCount: number;
  readonly timeToLiveMs: number;
  readonly deadLetteringOnMessageExpiration: boolean;
  readonly requiresDuplicateDetection: boolean;
  readonly duplicateWindowMs: number;
  readonly status: EntityStatus;
}

/** One setting that is out of range, in the words the rest of the project uses for problems. */
export interface SettingsProblem {
  readonly path: string;
  readonly value: unknown;
  readonly reason: string;
  readonly fix: string;
}

/** Thrown by `put*` with every problem at once. */
export class SettingsError extends Error {
  readonly problems: readonly SettingsProblem[];

  constructor(entity: string, problems: readonly SettingsProblem[]) {
    const lines = problems.map(
      (problem) => `${problem.path} = ${JSON.stringify(problem.value)}: ${problem.reason}. ${problem.fix}`,
    );
    super(`'${entity}' cannot be set up: ${lines.join(" ")}`);
    this.name = "SettingsError";
    this.problems = problems;
  }
}

interface Range {
  readonly key: "lockDurationSeconds" | "maxDeliveryCount" | "timeToLive" | "duplicateDetectionWindowSeconds";
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
  readonly what: string;
}

const RANGES: readonly Range[] = [
  { key: "lockDurationSeconds", least: 1, most: 300, whole: false, what: "seconds" },
  { key: "maxDeliveryCount", least: 1, most: 2_000, whole: true, what: "deliveries" },
  { key: "timeToLive", least: 0.001, most: Number.POSITIVE_INFINITY, whole: false, what: "seconds" },
  { key: "duplicateDetectionWindowSeconds", least: 1, most: 604_800, whole: false, what: "seconds" },
];

/** Fills in the defaults and refuses, all at once, what is out of range. */
export function resolveSettings(entity: string, settings: QueueSettings): EntityRules {
  const problems: SettingsProblem[] = [];
  for (const range of RANGES) {
    const value = settings[range.key];
    if (value === undefined) {
      continue;
    }
    if (!(value >= range.least && value <= range.most) || (range.whole && !Number.isInteger(value))) {
      const bounds =
        range.most === Number.POSITIVE_INFINITY ? `at least ${range.least}` : `${range.least} to ${range.most}`;
      problems.push({
        path: range.key,
        value,
        reason: `must be ${bounds} ${range.what}${range.whole ? ", a whole number" : ""}`,
        fix: "Give a value in that range.",
      });
    }
  }
  const status = settings.status ?? EntityStatus.Active;
  if (!Object.values(EntityStatus).includes(status)) {
    problems.push({
      path: "status",
      value: status,
      reason: "is not a status",
      fix: `Use one of ${Object.values(EntityStatus).join(", ")}.`,
    });
  }
  if (problems.length > 0) {
    throw new SettingsError(entity, problems);
  }
  return {
    requiresSession: settings.requiresSession ?? false,
    lockMs: (settings.lockDurationSeconds ?? 60) * 1_000,
    maxDeliveryCount: settings.maxDeliveryCount ?? 10,
    timeToLiveMs: (settings.timeToLive ?? Number.POSITIVE_INFINITY) * 1_000,
    deadLetteringOnMessageExpiration: settings.deadLetteringOnMessageExpiration ?? false,
    requiresDuplicateDetection: settings.requiresDuplicateDetection ?? false,
    duplicateWindowMs: (settings.duplicateDetectionWindowSeconds ?? 600) * 1_000,
    status,
  };
}

/** Refuses an update of what Azure only sets when it makes the entity. */
export function refuseReplacement(entity: string, before: EntityRules, after: EntityRules): void {
  const fixed = ["requiresSession", "requiresDuplicateDetection"] as const;
  const problems = fixed
    .filter((key) => before[key] !== after[key])
    .map((key) => ({
      path: key,
      value: after[key],
      reason: `is ${before[key]} since the entity was made, and cannot change`,
      fix: "Delete the entity and put it again; its messages go with it.",
    }));
  if (problems.length > 0) {
    throw new SettingsError(entity, problems);
  }
}

export function maySend(rules: EntityRules): boolean {
  return rules.status === EntityStatus.Active || rules.status === EntityStatus.ReceiveDisabled;
}

export function mayReceive(rules: EntityRules): boolean {
  return rules.status === EntityStatus.Active || rules.status === EntityStatus.SendDisabled;
}
