import { deserialize, serialize } from "node:v8";
import type { Filter } from "../core/filters.js";
import type { Namespace } from "../core/namespace.js";
import type { RuleAction } from "../core/rules.js";
import { type QueueSettings, settingsOf } from "../core/settings.js";
import type { EntityTimes, TimesRecord } from "../core/times.js";

// What is written down of an entity: its settings, its times, and a subscription's rules.

export interface RuleDefinition {
  readonly name: string;
  readonly filter: Filter;
  readonly action?: RuleAction;
}

/** As an entity is written down. */
export interface Definition {
  readonly kind: "queue" | "topic" | "subscription";
  readonly settings: QueueSettings;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** As it was when the definition was written: at the latest when the broker was closed. */
  readonly accessedAt: number | undefined;
  readonly rules?: readonly RuleDefinition[];
}

/** A subscription's address apart: its topic and its name. */
export function subscriptionParts(path: string): { readonly topic: string; readonly name: string } {
  const [, topic = "", name = ""] = /^(.*)\/Subscriptions\/([^/]*)$/i.exec(path) ?? [];
  return { topic, name };
}

/** What there is to write down of an entity; undefined if it is gone meanwhile. */
export function definitionOf(namespace: Namespace, path: string): Definition | undefined {
  const entity = namespace.find(path);
  switch (entity?.kind) {
    case "queue":
      return { kind: "queue", settings: settingsOf(entity.queue.rules), ...timesOf(entity.queue.times) };
    case "topic":
      return { kind: "topic", settings: settingsOf(entity.topic.rules), ...timesOf(entity.topic.times) };
    case "subscription": {
      const { topic, name } = subscriptionParts(entity.path);
      const rules = [...namespace.subscription(topic, name).rules.all()].map(({ name: rule, filter, action }) => ({
        name: rule,
        filter,
        ...(action === undefined ? {} : { action }),
      }));
      const settings = settingsOf(entity.queue.rules);
      return { kind: "subscription", settings, ...timesOf(entity.queue.times), rules };
    }
    default:
      return undefined;
  }
}

function timesOf({ createdAt, updatedAt, accessedAt }: EntityTimes): TimesRecord {
  return { createdAt, updatedAt, accessedAt };
}

export function encodeDefinition(definition: Definition): Buffer {
  return serialize(definition);
}

export function decodeDefinition(bytes: Uint8Array): Definition {
  return deserialize(bytes);
}

/** Makes an entity as it was written down. */
export function restoreDefinition(namespace: Namespace, path: string, definition: Definition, now: number): void {
  const { kind, settings, createdAt, updatedAt, accessedAt } = definition;
  if (kind === "subscription") {
    const { topic, name } = subscriptionParts(path);
    namespace.putSubscription(topic, name, settings);
    const { rules } = namespace.subscription(topic, name);
    for (const { name: rule } of [...rules.all()]) {
      rules.delete(rule);
    }
    for (const rule of definition.rules ?? []) {
      rules.put(rule.name, rule.filter, rule.action);
    }
  } else if (kind === "topic") {
    namespace.putTopic(path, settings);
  } else {
    namespace.putQueue(path, settings);
  }
  const entity = namespace.find(path);
  const times = entity?.kind === "topic" ? entity.topic.times : entity?.queue.times;
  // Nobody could use it while the broker was away: that time does not count as idle.
  const watched = settings.autoDeleteOnIdleSeconds !== undefined;
  times?.restore({ createdAt, updatedAt, accessedAt: watched ? now : accessedAt });
}
