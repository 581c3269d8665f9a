import type { AdminHost } from "../admin/operations.js";
import type { EntityInfo } from "../core/entityInfo.js";
import { BrokerError } from "../core/errors.js";
import { compileFilter, type Filter } from "../core/filters.js";
import { checkName } from "../core/namespace.js";
import { compileRuleAction, DEFAULT_RULE, type RuleAction } from "../core/rules.js";
import { type QueueSettings, resolveSettings, type SettingsProblem } from "../core/settings.js";
import { conflicts, type Placed } from "./conflicts.js";
import { configuration, type NamespaceEntry, type RuleEntry } from "./schema.js";
import { propertyName, settingsProblems } from "./settingsProblems.js";

/** A rule of a subscription, as a broker takes it. */
export interface ConfiguredRule {
  readonly name: string;
  readonly filter: Filter;
  readonly action?: RuleAction;
}

/** An entity with its settings, and the path under which problems name it. */
export interface Configured {
  readonly name: string;
  readonly settings: QueueSettings;
}

export interface ConfiguredSubscription extends Configured {
  /** Where there are any, `$Default` is not: they decide. */
  readonly rules: readonly ConfiguredRule[];
}

export interface ConfiguredTopic extends Configured {
  readonly subscriptions: readonly ConfiguredSubscription[];
}

/** What a configuration file says, as a broker takes it. */
export interface BrokerConfig {
  readonly namespace: string;
  readonly queues: readonly Configured[];
  readonly topics: readonly ConfiguredTopic[];
}

/** Thrown with everything that is wrong with a configuration. */
export class ConfigError extends Error {
  readonly problems: readonly SettingsProblem[];

  constructor(problems: readonly SettingsProblem[]) {
    super(problems.map(({ path, value, reason, fix }) => `${path} = ${shown(value)}: ${reason}. ${fix}`).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

/** What the emulator takes for settings that its file leaves out (its own schema's defaults). */
const EMULATOR_TTL_SECONDS = 3_600;
const EMULATOR_WINDOW_SECONDS = 20;
const EMULATOR_DELIVERIES = 3;

/**
 * Reads a configuration in the format of Microsoft's Service Bus emulator. Settings that it leaves out take the
 * emulator's defaults: an hour to live, 20 s of duplicate detection, 3 deliveries, locks of a minute.
 * @throws ConfigError with every problem at once: path, value, reason and what to do
 */
export function parseConfig(text: string): BrokerConfig {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    const reason = `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ path: "the file", value: `${text.slice(0, 20)}…`, reason, fix: "Correct it." }]);
  }
  const parsed = configuration.safeParse(json);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map((issue) => ({
        path: spelled(issue.path),
        value: valueAt(json, issue.path),
        reason: issue.message,
        fix: "See the emulator's configuration schema, and the README of the broker for what it has beyond it.",
      })),
    );
  }
  const [namespace] = parsed.data.UserConfig.Namespaces;
  const config = convert(namespace ?? { Name: "" });
  const problems = check(config);
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return config;
}

function spelled(path: readonly PropertyKey[]): string {
  const text = path.map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${String(part)}`));
  return path.length === 0 ? "the file" : text.join("");
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const part of path) {
    value = typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(String(part)) : undefined;
  }
  return value;
}

// --- the broker's words -------------------------------------------------------------------------------------------------

/** Any of the properties that the schema knows. */
type Properties = NonNullable<NonNullable<NamespaceEntry["Queues"]>[number]["Properties"]> & {
  DeadLetteringOnFilterEvaluationExceptions?: boolean | undefined;
};

/** An object without the keys whose value is undefined, or the endless duration that stands for none. */
function given<T extends object>(settings: T): Partial<T> {
  const kept = Object.entries(settings).filter(
    ([, value]) => value !== undefined && value !== Number.POSITIVE_INFINITY,
  );
  return Object.fromEntries(kept) as Partial<T>;
}

function settingsIn(p: Properties = {}): QueueSettings {
  return given({
    timeToLive: p.DefaultMessageTimeToLive ?? EMULATOR_TTL_SECONDS,
    duplicateDetectionWindowSeconds: p.DuplicateDetectionHistoryTimeWindow ?? EMULATOR_WINDOW_SECONDS,
    requiresDuplicateDetection: p.RequiresDuplicateDetection,
    maxSizeInMegabytes: p.MaxSizeInMegabytes,
    maxMessageSizeInKilobytes: p.MaxMessageSizeInKilobytes,
    enablePartitioning: p.EnablePartitioning,
    enableBatchedOperations: p.EnableBatchedOperations,
    autoDeleteOnIdleSeconds: p.AutoDeleteOnIdle,
    userMetadata: p.UserMetadata,
    status: p.Status,
    deadLetteringOnMessageExpiration: p.DeadLetteringOnMessageExpiration,
    lockDurationSeconds: p.LockDuration,
    maxDeliveryCount: p.MaxDeliveryCount ?? EMULATOR_DELIVERIES,
    forwardDeadLetteredMessagesTo: p.ForwardDeadLetteredMessagesTo || undefined,
    forwardTo: p.ForwardTo || undefined,
    requiresSession: p.RequiresSession,
    deadLetteringOnFilterEvaluationExceptions: p.DeadLetteringOnFilterEvaluationExceptions,
  }) as QueueSettings;
}

function filterIn(properties: RuleEntry["Properties"]): Filter {
  if (properties.FilterType === "Sql") {
    return { kind: "sql", expression: properties.SqlFilter.SqlExpression };
  }
  const c = properties.CorrelationFilter;
  return {
    kind: "correlation",
    ...given({
      contentType: c.ContentType,
      correlationId: c.CorrelationId,
      subject: c.Label,
      messageId: c.MessageId,
      replyTo: c.ReplyTo,
      replyToSessionId: c.ReplyToSessionId,
      sessionId: c.SessionId,
      to: c.To,
      properties: c.Properties,
    }),
  } as Filter;
}

function convert(namespace: NamespaceEntry): BrokerConfig {
  return {
    namespace: namespace.Name,
    queues: (namespace.Queues ?? []).map(({ Name, Properties }) => ({ name: Name, settings: settingsIn(Properties) })),
    topics: (namespace.Topics ?? []).map(({ Name, Properties, Subscriptions }) => ({
      name: Name,
      settings: settingsIn(Properties),
      subscriptions: (Subscriptions ?? []).map((subscription) => ({
        name: subscription.Name,
        settings: settingsIn(subscription.Properties),
        rules: (subscription.Rules ?? []).map((rule) => ({
          name: rule.Name,
          filter: filterIn(rule.Properties),
          ...(rule.Properties.Action === undefined
            ? {}
            : { action: { expression: rule.Properties.Action.SqlExpression } }),
        })),
      })),
    })),
  };
}

// --- what the schema cannot say -----------------------------------------------------------------------------------------

/** Where a file has its entities. */
const BASE = "UserConfig.Namespaces[0]";

function check(config: BrokerConfig): SettingsProblem[] {
  const targets = new Set([...config.queues, ...config.topics].map(({ name }) => name.toLowerCase()));
  const taken = new Map<string, string>();
  const entity = (kind: string, path: string, { name, settings }: Configured, names = taken): SettingsProblem[] => [
    ...nameProblems(kind, `${path}.Name`, name),
    ...repeated(names, `${path}.Name`, name),
    ...settingsProblems(path, () => resolveSettings(name, settings)),
    ...missingTargets(path, settings, targets),
  ];
  return [
    ...config.queues.flatMap((queue, i) => entity("queue", `${BASE}.Queues[${i}]`, queue)),
    ...config.topics.flatMap((topic, i) => {
      const path = `${BASE}.Topics[${i}]`;
      const names = new Map<string, string>();
      const subscriptions = topic.subscriptions.flatMap((subscription, j) => [
        ...entity("subscription", `${path}.Subscriptions[${j}]`, subscription, names),
        ...ruleProblems(`${path}.Subscriptions[${j}]`, subscription.rules),
      ]);
      return [...entity("topic", path, topic), ...subscriptions];
    }),
  ];
}

/** Runs something that refuses; gives its refusal as a problem. */
function problemIn(path: string, value: unknown, run: () => void): SettingsProblem[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof BrokerError) {
      return [{ path, value, reason: error.message.replace(/\.$/, ""), fix: "Correct it." }];
    }
    throw error;
  }
}

function nameProblems(kind: string, path: string, name: string): SettingsProblem[] {
  return problemIn(path, name, () => checkName(kind, name));
}

function repeated(names: Map<string, string>, path: string, name: string): SettingsProblem[] {
  const before = names.get(name.toLowerCase());
  names.set(name.toLowerCase(), before ?? path);
  return before === undefined
    ? []
    : [{ path, value: name, reason: `is the name at ${before} already; names ignore case`, fix: "Choose another." }];
}

function missingTargets(path: string, settings: QueueSettings, targets: ReadonlySet<string>): SettingsProblem[] {
  return (["forwardTo", "forwardDeadLetteredMessagesTo"] as const).flatMap((key) => {
    const target = settings[key];
    return target === undefined || targets.has(target.toLowerCase())
      ? []
      : [
          {
            path: `${path}.Properties.${propertyName(key)}`,
            value: target,
            reason: "is no queue or topic of this file",
            fix: "Name one that is, or add it.",
          },
        ];
  });
}

function ruleProblems(path: string, rules: readonly ConfiguredRule[]): SettingsProblem[] {
  const names = new Map<string, string>();
  return rules.flatMap(({ name, filter, action }, i) => {
    const rule = `${path}.Rules[${i}]`;
    const sql = filter.kind === "sql" ? filter.expression : undefined;
    return [
      ...nameProblems("rule", `${rule}.Name`, name),
      ...repeated(names, `${rule}.Name`, name),
      ...problemIn(`${rule}.Properties.SqlFilter.SqlExpression`, sql, () => compileFilter(filter)),
      ...(action === undefined
        ? []
        : problemIn(`${rule}.Properties.Action.SqlExpression`, action.expression, () => compileRuleAction(action))),
    ];
  });
}

function placed(config: BrokerConfig): Placed[] {
  return [
    ...config.queues.map(
      ({ name, settings }, i): Placed => ({ kind: "queue", address: name, path: `${BASE}.Queues[${i}]`, settings }),
    ),
    ...config.topics.flatMap(({ name: topic, settings, subscriptions }, i): Placed[] => [
      { kind: "topic", address: topic, path: `${BASE}.Topics[${i}]`, settings },
      ...subscriptions.map((subscription, j): Placed => {
        const path = `${BASE}.Topics[${i}].Subscriptions[${j}]`;
        const address = `${topic}/Subscriptions/${subscription.name}`;
        return { kind: "subscription", address, path, settings: subscription.settings };
      }),
    ]),
  ];
}

/**
 * Makes in a broker what a configuration says; what is there already and is not named stays. Returns how many entities.
 * @throws ConfigError with everything that the broker has in another way that cannot change; nothing is set then
 */
export function applyConfig(broker: AdminHost & { entities(): EntityInfo[] }, config: BrokerConfig): number {
  const problems = conflicts(broker.entities(), placed(config));
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  let count = 0;
  for (const { name, settings } of config.queues) {
    broker.putQueue(name, settings);
    count++;
  }
  for (const topic of config.topics) {
    broker.putTopic(topic.name, topic.settings);
    count++;
    for (const { name, settings, rules } of topic.subscriptions) {
      broker.putSubscription(topic.name, name, settings);
      count++;
      for (const rule of rules) {
        broker.putRule(topic.name, name, rule.name, rule.filter, rule.action);
      }
      const named = rules.some((rule) => rule.name.toLowerCase() === DEFAULT_RULE.toLowerCase());
      if (rules.length > 0 && !named) {
        dropDefaultRule(broker, topic.name, name);
      }
    }
  }
  return count;
}

function dropDefaultRule(broker: AdminHost, topic: string, subscription: string): void {
  try {
    broker.deleteRule(topic, subscription, DEFAULT_RULE);
  } catch (error) {
    // Gone already, where a configuration is applied again.
    if (!(error instanceof BrokerError && error.code === "EntityNotFound")) {
      throw error;
    }
  }
}
