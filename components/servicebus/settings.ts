import { type Problem, problem } from "../../runtime/contract/index.js";
import type { QueueArgs, ServiceBusEntitiesArgs, SubscriptionArgs, TopicArgs } from "./args.js";

/** Any entity's own settings. */
export type EntitySettings = Omit<QueueArgs & TopicArgs & SubscriptionArgs, "status" | "subscriptions" | "rules">;

/** An entity of any kind, with where it stands in the args. */
export interface PlacedEntity {
  kind: "queue" | "topic" | "subscription";
  path: string;
  settings: EntitySettings;
  /** How long its messages are kept at most, in seconds; a subscription's no longer than its topic's. */
  life: number | undefined;
}

function placed(kind: PlacedEntity["kind"], path: string, settings: EntitySettings, most?: number): PlacedEntity {
  const lives = [settings.timeToLiveSeconds, most].filter((life) => life !== undefined);
  return { kind, path, settings, life: lives.length === 0 ? undefined : Math.min(...lives) };
}

/** Every queue, topic and subscription, in the order of the args. */
export function entitiesIn({ queues = {}, topics = {} }: ServiceBusEntitiesArgs): PlacedEntity[] {
  return [
    ...Object.entries(queues).map(([name, settings]) => placed("queue", `queues.${name}`, settings)),
    ...Object.entries(topics).flatMap(([name, { subscriptions = {}, ...topic }]) => [
      placed("topic", `topics.${name}`, topic),
      ...Object.entries(subscriptions).map(([key, { rules, ...settings }]) =>
        placed("subscription", `topics.${name}.subscriptions.${key}`, settings, topic.timeToLiveSeconds),
      ),
    ]),
  ];
}

/** Two settings that do not go together: one of them does nothing, or Azure refuses both. */
interface Conflict {
  setting: keyof EntitySettings;
  other: keyof EntitySettings;
  clash: (settings: EntitySettings) => boolean;
  reason: string;
  fix: string;
}

const conflicts: Conflict[] = [
  {
    setting: "duplicateDetectionSeconds",
    other: "requiresDuplicateDetection",
    clash: (of) => of.duplicateDetectionSeconds !== undefined && of.requiresDuplicateDetection !== true,
    reason: "does nothing without requiresDuplicateDetection",
    fix: "Set requiresDuplicateDetection, or remove it",
  },
  {
    setting: "autoDeleteOnIdleSeconds",
    other: "forwardTo",
    clash: (of) => of.autoDeleteOnIdleSeconds !== undefined && of.forwardTo !== undefined,
    reason: "does nothing with forwardTo: forwarding is use, so that the entity is never idle, and Azure unsets it",
    fix: "Remove one of the two",
  },
  {
    setting: "enableExpress",
    other: "requiresDuplicateDetection",
    clash: (of) => of.enableExpress === true && of.requiresDuplicateDetection === true,
    reason: "cannot be used with requiresDuplicateDetection: ids are remembered only of messages that are stored",
    fix: "Remove one of the two",
  },
];

/**
 * Settings of one entity that do not go together. `known` are problems of single settings: where one of the two has one,
 * what follows from that would only mislead.
 */
export function settingProblems(args: ServiceBusEntitiesArgs, known: Problem[]): Problem[] {
  const faulty = new Set(known.map(({ path }) => path));
  return entitiesIn(args).flatMap(({ path, settings }) =>
    conflicts
      .filter(({ other, clash }) => !faulty.has(`${path}.${other}`) && clash(settings))
      .map(({ setting, reason, fix }) => problem(`${path}.${setting}`, settings[setting], reason, fix)),
  );
}
