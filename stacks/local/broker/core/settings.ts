import type { SharedAccessPolicy } from "./sharedAccess.js";

/** What an entity does at present; `SendDisabled` and `ReceiveDisabled` stop one side only. */
export const EntityStatus = {
  Active: "Active",
  Disabled: "Disabled",
  SendDisabled: "SendDisabled",
  ReceiveDisabled: "ReceiveDisabled",
} as const;
export type EntityStatus = (typeof EntityStatus)[keyof typeof EntityStatus];

/** What queues, topics and subscriptions have in common. All times in seconds. */
export interface CommonSettings {
  /** Seconds a message may wait; the shortest of this, its own and its topic's counts. At least 0.001. @default for ever */
  readonly timeToLive?: number;
  /**
   * Seconds without use after which the entity is deleted with all it holds. Use is sending, receiving, peeking, a
   * change of the entity or an open link; for a subscription, a message that its topic gives it is none. At least 1
   * (Azure takes 300 and more). @default never
   */
  readonly autoDeleteOnIdleSeconds?: number;
  /** @default "Active" */
  readonly status?: EntityStatus;
  /** Kept and shown: the broker answers one message as fast as many. @default true */
  readonly enableBatchedOperations?: boolean;
  /** Kept and shown: up to 1,024 characters of the owner's. @default "" */
  readonly userMetadata?: string;
}

/** Settings of a subscription, and those that a queue shares with it. All times in seconds. */
export interface SubscriptionSettings extends CommonSettings {
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
  /** An expired message goes to the dead-letter queue instead of away. @default false */
  readonly deadLetteringOnMessageExpiration?: boolean;
  /**
   * Of a subscription: a message on which a rule's filter or action fails goes to the dead-letter queue; otherwise such
   * a rule does not take it. @default true
   */
  readonly deadLetteringOnFilterEvaluationExceptions?: boolean;
  /**
   * A queue or topic of this broker, by name or as `sb://host/name`, to which every message goes on; nobody can receive
   * here then. Not together with `requiresSession`. Where the target is missing, disabled, full or refuses a message,
   * that message goes to `$Transfer/$DeadLetterQueue` of this entity. @default none
   */
  readonly forwardTo?: string;
  /** A queue or topic to which the dead letters of this entity go on, as with `forwardTo`. @default none */
  readonly forwardDeadLetteredMessagesTo?: string;
}

/** Settings of a topic. All times in seconds. */
export interface TopicSettings extends CommonSettings {
  /** A second message with the same id within the window is taken and dropped. Fixed when the entity is made. @default false */
  readonly requiresDuplicateDetection?: boolean;
  /** 1 to 604800 seconds. @default 600 */
  readonly duplicateDetectionWindowSeconds?: number;
  /**
   * Megabytes of messages the entity holds, dead letters and a topic's subscriptions included; QuotaExceeded beyond.
   * 1 to 81920. @default 1024
   */
  readonly maxSizeInMegabytes?: number;
  /** Kilobytes of one message, or one batch, as it is sent: 1 to 102400. @default the broker's `maxMessageBytes` */
  readonly maxMessageSizeInKilobytes?: number;
  /**
   * Kept and shown, and duplicates are told by partition key and id. Sequence numbers have no partition in them.
   * Fixed when the entity is made. @default false
   */
  readonly enablePartitioning?: boolean;
  /** Kept and shown: every entity is held in memory here, and no message is lost by it. @default false */
  readonly enableExpress?: boolean;
  /** Kept and shown: the broker keeps order in any case. @default true */
  readonly supportOrdering?: boolean;
  /** Shared access policies of the entity, at most 12. Putting others replaces all of them. @default none */
  readonly authorizationRules?: readonly SharedAccessPolicy[];
}

/** Settings of a queue. All times in seconds. */
export interface QueueSettings extends SubscriptionSettings, TopicSettings {}

/** Settings with every default filled in; times in milliseconds, sizes in bytes. */
export interface EntityRules {
  readonly requiresSession: boolean;
  readonly lockMs: number;
  readonly maxDeliveryCount: number;
  readonly timeToLiveMs: number;
  readonly deadLetteringOnMessageExpiration: boolean;
  readonly requiresDuplicateDetection: boolean;
  readonly duplicateWindowMs: number;
  readonly status: EntityStatus;
  /** Infinity for never. */
  readonly autoDeleteMs: number;
  /** Name of the target, without scheme and host. */
  readonly forwardTo: string | undefined;
  readonly forwardDeadLettersTo: string | undefined;
  /** Infinity for a subscription: its topic's counts. */
  readonly maxBytes: number;
  /** Undefined where the broker's own bound holds. */
  readonly maxMessageBytes: number | undefined;
  readonly enablePartitioning: boolean;
  readonly enableBatchedOperations: boolean;
  readonly userMetadata: string;
  readonly deadLetterOnFilterErrors: boolean;
  readonly enableExpress: boolean;
  readonly supportOrdering: boolean;
  readonly authorizationRules: readonly SharedAccessPolicy[];
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

type Numeric =
  | "lockDurationSeconds"
  | "maxDeliveryCount"
  | "timeToLive"
  | "duplicateDetectionWindowSeconds"
  | "autoDeleteOnIdleSeconds"
  | "maxSizeInMegabytes"
  | "maxMessageSizeInKilobytes";

interface Range {
  readonly key: Numeric;
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
  { key: "autoDeleteOnIdleSeconds", least: 1, most: Number.POSITIVE_INFINITY, whole: false, what: "seconds" },
  { key: "maxSizeInMegabytes", least: 1, most: 81_920, whole: true, what: "megabytes" },
  { key: "maxMessageSizeInKilobytes", least: 1, most: 102_400, whole: true, what: "kilobytes" },
];

const LONGEST_METADATA = 1_024;
const MEGABYTE = 1_024 * 1_024;
const KILOBYTE = 1_024;
/** Azure's default for queues and topics. */
const DEFAULT_SIZE_MEGABYTES = 1_024;

function rangeProblems(settings: QueueSettings): SettingsProblem[] {
  return RANGES.flatMap((range) => {
    const value = settings[range.key];
    if (
      value === undefined ||
      (value >= range.least && value <= range.most && (!range.whole || Number.isInteger(value)))
    ) {
      return [];
    }
    const bounds =
      range.most === Number.POSITIVE_INFINITY ? `at least ${range.least}` : `${range.least} to ${range.most}`;
    return {
      path: range.key,
      value,
      reason: `must be ${bounds} ${range.what}${range.whole ? ", a whole number" : ""}`,
      fix: "Give a value in that range.",
    };
  });
}

/** The name in a forward target, which may be said as an address: `sb://host/name`. Undefined for none. */
function targetName(target: string | undefined): string | undefined {
  const name = target?.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(/^\/+|\/+$/g, "");
  return name === "" ? undefined : name;
}

function forwardProblems(entity: string, settings: QueueSettings): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  for (const key of ["forwardTo", "forwardDeadLetteredMessagesTo"] as const) {
    const name = targetName(settings[key]);
    if (name !== undefined && name.toLowerCase() === entity.toLowerCase()) {
      problems.push({
        path: key,
        value: settings[key],
        reason: "is the entity itself",
        fix: "Name another queue or topic.",
      });
    }
    if (name !== undefined && /(^|\/)(\$|subscriptions\/)/i.test(name)) {
      problems.push({
        path: key,
        value: settings[key],
        reason: "is no queue or topic",
        fix: "Name a queue or a topic: messages cannot be forwarded to a subscription or a dead-letter queue.",
      });
    }
  }
  if (settings.requiresSession === true && targetName(settings.forwardTo) !== undefined) {
    problems.push({
      path: "forwardTo",
      value: settings.forwardTo,
      reason: "cannot be combined with requiresSession",
      fix: "Forward from an entity without sessions; the target may require them.",
    });
  }
  return problems;
}

/** Fills in the defaults and refuses, all at once, what is out of range. */
export function resolveSettings(entity: string, settings: QueueSettings): EntityRules {
  const problems = [...rangeProblems(settings), ...forwardProblems(entity, settings)];
  const status = settings.status ?? EntityStatus.Active;
  if (!Object.values(EntityStatus).includes(status)) {
    problems.push({
      path: "status",
      value: status,
      reason: "is not a status",
      fix: `Use one of ${Object.values(EntityStatus).join(", ")}.`,
    });
  }
  const userMetadata = settings.userMetadata ?? "";
  if (userMetadata.length > LONGEST_METADATA) {
    problems.push({
      path: "userMetadata",
      value: userMetadata,
      reason: `has ${userMetadata.length} characters, at most ${LONGEST_METADATA} are kept`,
      fix: "Shorten it.",
    });
  }
  if (problems.length > 0) {
    throw new SettingsError(entity, problems);
  }
  const { maxMessageSizeInKilobytes: messageKilobytes } = settings;
  return {
    requiresSession: settings.requiresSession ?? false,
    lockMs: (settings.lockDurationSeconds ?? 60) * 1_000,
    maxDeliveryCount: settings.maxDeliveryCount ?? 10,
    timeToLiveMs: (settings.timeToLive ?? Number.POSITIVE_INFINITY) * 1_000,
    deadLetteringOnMessageExpiration: settings.deadLetteringOnMessageExpiration ?? false,
    requiresDuplicateDetection: settings.requiresDuplicateDetection ?? false,
    duplicateWindowMs: (settings.duplicateDetectionWindowSeconds ?? 600) * 1_000,
    status,
    autoDeleteMs: (settings.autoDeleteOnIdleSeconds ?? Number.POSITIVE_INFINITY) * 1_000,
    forwardTo: targetName(settings.forwardTo),
    forwardDeadLettersTo: targetName(settings.forwardDeadLetteredMessagesTo),
    maxBytes: (settings.maxSizeInMegabytes ?? DEFAULT_SIZE_MEGABYTES) * MEGABYTE,
    maxMessageBytes: messageKilobytes === undefined ? undefined : messageKilobytes * KILOBYTE,
    enablePartitioning: settings.enablePartitioning ?? false,
    enableBatchedOperations: settings.enableBatchedOperations ?? true,
    userMetadata,
    deadLetterOnFilterErrors: settings.deadLetteringOnFilterEvaluationExceptions ?? true,
    enableExpress: settings.enableExpress ?? false,
    supportOrdering: settings.supportOrdering ?? true,
    authorizationRules: settings.authorizationRules ?? [],
  };
}

/** The settings that an entity has now, defaults included, as `put*` takes them; what has no bound is left out. */
export function settingsOf(rules: EntityRules): QueueSettings {
  const bounded = (milliseconds: number): number | undefined =>
    milliseconds === Number.POSITIVE_INFINITY ? undefined : milliseconds / 1_000;
  const timeToLive = bounded(rules.timeToLiveMs);
  const autoDeleteOnIdleSeconds = bounded(rules.autoDeleteMs);
  return {
    requiresSession: rules.requiresSession,
    lockDurationSeconds: rules.lockMs / 1_000,
    maxDeliveryCount: rules.maxDeliveryCount,
    deadLetteringOnMessageExpiration: rules.deadLetteringOnMessageExpiration,
    requiresDuplicateDetection: rules.requiresDuplicateDetection,
    duplicateDetectionWindowSeconds: rules.duplicateWindowMs / 1_000,
    status: rules.status,
    enablePartitioning: rules.enablePartitioning,
    enableBatchedOperations: rules.enableBatchedOperations,
    userMetadata: rules.userMetadata,
    deadLetteringOnFilterEvaluationExceptions: rules.deadLetterOnFilterErrors,
    enableExpress: rules.enableExpress,
    supportOrdering: rules.supportOrdering,
    authorizationRules: rules.authorizationRules,
    ...(timeToLive === undefined ? {} : { timeToLive }),
    ...(autoDeleteOnIdleSeconds === undefined ? {} : { autoDeleteOnIdleSeconds }),
    ...(rules.forwardTo === undefined ? {} : { forwardTo: rules.forwardTo }),
    ...(rules.forwardDeadLettersTo === undefined ? {} : { forwardDeadLetteredMessagesTo: rules.forwardDeadLettersTo }),
    ...(rules.maxBytes === Number.POSITIVE_INFINITY ? {} : { maxSizeInMegabytes: rules.maxBytes / MEGABYTE }),
    ...(rules.maxMessageBytes === undefined ? {} : { maxMessageSizeInKilobytes: rules.maxMessageBytes / KILOBYTE }),
  };
}

/** Whether two sets of rules are the same: putting an entity as it is changes nothing and disturbs nobody. */
export function sameRules(a: EntityRules, b: EntityRules): boolean {
  return JSON.stringify(settingsOf(a)) === JSON.stringify(settingsOf(b));
}

/** Refuses an update of what Azure only sets when it makes the entity. */
export function refuseReplacement(entity: string, before: EntityRules, after: EntityRules): void {
  const fixed = ["requiresSession", "requiresDuplicateDetection", "enablePartitioning"] as const;
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
