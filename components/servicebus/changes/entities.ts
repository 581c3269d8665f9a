import type { QueueArgs, RuleArgs, SubscriptionArgs, TopicArgs } from "../entityArgs.js";
import { DEFAULT_RULE } from "../names.js";
import { DEFAULT_DELIVERIES, DEFAULT_LOCK_SECONDS } from "../renderEntities.js";
import { type ChangeTable, changed, type Finding, harmless, type Judge, judged, lowered } from "./table.js";
import { ChangeEffect, type ChangeViolation, violation } from "./violation.js";

const { Downtime, LosesMessages, Silent } = ChangeEffect;

/** The service's defaults. */
const DUPLICATE_DETECTION_SECONDS = 600;
const SIZE_MEGABYTES = 1024;
const MESSAGE_KILOBYTES = 1024;

const second = "Make a second one, and let this one forward to it until it is empty";

function replaced<T>(what: string, lost: string): Judge<boolean, T> {
  return changed<boolean, T>(false, () => ({
    effect: LosesMessages,
    reason: `${what} is replaced: ${lost} are lost, and clients fail until the new one is there`,
    fix: second,
  }));
}

/** A judge of how long messages are kept; what becomes of those that expire is the entity's own setting. */
function expiry<T>(deletes: (after: T) => boolean): Judge<number, T> {
  return lowered<T>(undefined, (_, now, __, after) => ({
    effect: deletes(after) ? LosesMessages : Silent,
    reason:
      `messages that are sent from now on expire after ${now} seconds, and are then ` +
      (deletes(after) ? "deleted" : "dead-lettered"),
    fix: "See that they are received within that time",
  }));
}

const idle = <T>(what: string): Judge<number, T> =>
  lowered<T>(undefined, (_, now) => ({
    effect: LosesMessages,
    reason: `${what} is deleted with its messages after ${now} seconds without use`,
    fix: "Leave it out where messages may wait longer",
  }));

const size = <T>(what: string): Judge<number, T> =>
  lowered<T>(SIZE_MEGABYTES, (_, now) => ({
    effect: Downtime,
    reason: `${what} refuses messages while it holds more than ${now} MB`,
    fix: "See first how much it holds",
  }));

const messageSize = <T>(): Judge<number, T> =>
  lowered<T>(MESSAGE_KILOBYTES, (_, now) => ({
    effect: Downtime,
    reason: `messages above ${now} KB are refused from now on`,
    fix: "Change the senders first",
  }));

const express = <T>(): Judge<boolean, T> =>
  changed<boolean, T>(false, (_, now) =>
    now === true
      ? { effect: Silent, reason: "messages may be lost where a broker fails", fix: "Use it only for what may be lost" }
      : undefined,
  );

const detection = <T extends { requiresDuplicateDetection?: boolean }>(): Judge<number, T> =>
  lowered<T>(DUPLICATE_DETECTION_SECONDS, (_, now, before, after) =>
    before.requiresDuplicateDetection === true && after.requiresDuplicateDetection === true
      ? {
          effect: Silent,
          reason: `a second message is taken where its first came more than ${now} seconds before`,
          fix: "Keep it as long as senders may try again",
        }
      : undefined,
  );

/** What queues and subscriptions have in common. */
function receiving<T>(what: string) {
  const deleted = (setting: string): Judge<boolean, T> =>
    changed<boolean, T>(true, (_, now) =>
      now === false
        ? { effect: LosesMessages, reason: `${setting} are deleted from now on`, fix: "Keep it" }
        : undefined,
    );
  return {
    lockDurationSeconds: lowered<T>(DEFAULT_LOCK_SECONDS, (_, now) => ({
      effect: Silent,
      reason: `a receiver that takes longer than ${now} seconds without renewing loses its lock, and its message is delivered again`,
      fix: "See that receivers renew their locks",
    })),
    maxDeliveryCount: lowered<T>(DEFAULT_DELIVERIES, (_, now) => ({
      effect: Silent,
      reason: `messages that have had ${now} deliveries or more are dead-lettered at their next`,
      fix: "Settle those that are retried first, or put them back from the dead-letter queue after it",
    })),
    requiresSession: replaced<T>(what, "its messages and the state of its sessions"),
    deadLetterOnExpiration: deleted("messages that expire"),
    deadLetterOnFilterError: deleted("messages whose rule fails"),
    forwardTo: changed<string, T>(undefined, (old, now) => forwarding(what, old, now)),
    forwardDeadLettersTo: changed<string, T>(undefined, (_, now) => ({
      effect: Silent,
      reason:
        now === undefined
          ? "dead letters stay where they are from now on"
          : `dead letters, also those that are there, go to ${now}`,
      fix: "Tell whoever reads them",
    })),
  };
}

function forwarding(what: string, old: string | undefined, now: string | undefined): Finding {
  if (now === undefined)
    return { effect: Silent, reason: `messages stay in ${what} from now on`, fix: "See that somebody receives them" };
  if (old !== undefined)
    return {
      effect: Silent,
      reason: `messages go to ${now} from now on`,
      fix: `See that somebody receives from ${now}`,
    };
  return {
    effect: Downtime,
    reason: `${what} takes no receivers any more, and its messages go to ${now}`,
    fix: `Move the receivers to ${now} first`,
  };
}

/** Who is kept out by a status. */
const CLOSED: { [status: string]: string[] } = {
  Active: [],
  Disabled: ["senders", "receivers"],
  SendDisabled: ["senders"],
  ReceiveDisabled: ["receivers"],
};

/** A judge of a status, of an entity that only some clients use. */
function status<V extends string, T>(users: string[]): Judge<V, T> {
  return (old, now) => {
    const before = CLOSED[old ?? "Active"] ?? [];
    const out = (CLOSED[now ?? "Active"] ?? []).filter((who) => users.includes(who) && !before.includes(who));
    if (out.length === 0) return undefined;
    const reason = `${out.join(" and ")} fail until it is changed back`;
    return { effect: Downtime, reason, fix: "Stop them first" };
  };
}

/** What queues and topics have in common. */
function holding<T extends { requiresDuplicateDetection?: boolean }>(what: string, lost: string) {
  return {
    requiresDuplicateDetection: replaced<T>(what, lost),
    duplicateDetectionSeconds: detection<T>(),
    autoDeleteOnIdleSeconds: idle<T>(what),
    maxSizeMegabytes: size<T>(what),
    maxMessageSizeKilobytes: messageSize<T>(),
    enablePartitioning: replaced<T>(what, lost),
    enableBatchedOperations: harmless,
    enableExpress: express<T>(),
    userMetadata: harmless,
  };
}

const { deadLetterOnFilterError: _, ...queueReceiving } = receiving<QueueArgs>("the queue");
const queueTable: ChangeTable<QueueArgs> = {
  ...holding<QueueArgs>("the queue", "its messages"),
  ...queueReceiving,
  timeToLiveSeconds: expiry((after) => after.deadLetterOnExpiration === false),
  status: status(["senders", "receivers"]),
};

const topicTable: ChangeTable<TopicArgs> = {
  ...holding<TopicArgs>("the topic", "its subscriptions and the messages in them"),
  subscriptions: harmless,
  timeToLiveSeconds: expiry((after) =>
    Object.values(after.subscriptions ?? {}).some((each) => each.deadLetterOnExpiration === false),
  ),
  supportOrdering: changed<boolean, TopicArgs>(false, (_, now) =>
    now === false
      ? { effect: Silent, reason: "messages may come in another order", fix: "See that no receiver counts on it" }
      : undefined,
  ),
  status: status(["senders"]),
};

const subscriptionTable: ChangeTable<SubscriptionArgs> = {
  ...receiving<SubscriptionArgs>("the subscription"),
  rules: harmless,
  timeToLiveSeconds: expiry((after) => after.deadLetterOnExpiration === false),
  autoDeleteOnIdleSeconds: idle("the subscription"),
  enableBatchedOperations: harmless,
  status: status(["receivers"]),
  userMetadata: harmless,
};

const ruleTable: ChangeTable<RuleArgs> = {
  sql: harmless,
  correlation: harmless,
  action: (old, now) =>
    old === now
      ? undefined
      : {
          effect: Silent,
          reason: "messages that come from now on are changed otherwise; those that are there stay as they are",
          fix: "See that receivers take both",
        },
};

/** What a change of a queue does beyond what was asked for; nothing where it is safe. `path` is the queue's in the args. */
export function queueChanges(path: string, before: QueueArgs, after: QueueArgs): ChangeViolation[] {
  return judged(queueTable, path, before, after);
}

/** What a change of a topic does, and of its subscriptions and their rules. */
export function topicChanges(path: string, before: TopicArgs, after: TopicArgs): ChangeViolation[] {
  const now = after.subscriptions ?? {};
  return [
    ...judged(topicTable, path, before, after),
    ...Object.entries(before.subscriptions ?? {}).flatMap(([name, old]) => {
      const at = `${path}.subscriptions.${name}`;
      const other = now[name];
      return other === undefined ? [subscriptionRemoved(at)] : subscriptionChanges(at, old, other);
    }),
  ];
}

function subscriptionRemoved(path: string): ChangeViolation {
  const reason = "is deleted with its messages, and with those in its dead-letter queue";
  return violation(LosesMessages, path, undefined, reason, "Empty it first");
}

/** What a change of a subscription does, and of its rules. */
export function subscriptionChanges(
  path: string,
  before: SubscriptionArgs,
  after: SubscriptionArgs,
): ChangeViolation[] {
  return [
    ...judged(subscriptionTable, path, before, after),
    ...ruleSetChanges(`${path}.rules`, before.rules, after.rules),
  ];
}

type Rules = NonNullable<SubscriptionArgs["rules"]>;

/** Rules that go, and what goes with the first and the last of them: until there is one, every message comes. */
function ruleSetChanges(path: string, before: Rules = {}, after: Rules = {}): ChangeViolation[] {
  const [had, has] = [Object.keys(before).length, Object.keys(after).length];
  if (had === 0 && has > 0)
    return [
      violation(
        Silent,
        path,
        Object.keys(after),
        "were none: what none of them matches does not come any more",
        "See that they match all that is needed",
      ),
    ];
  if (had > 0 && has === 0)
    return [
      violation(Silent, path, undefined, "are all gone: every message comes from now on", "Keep one that matches"),
    ];
  return Object.entries(before).flatMap(([name, old]) => {
    const now = after[name];
    if (now !== undefined) return ruleChanges(`${path}.${name}`, old, now);
    const reason =
      name === DEFAULT_RULE
        ? "matches nothing from now on, as there are other rules"
        : "is taken away: what it alone matches does not come any more";
    return [violation(Silent, `${path}.${name}`, undefined, reason, "See that another rule matches what is needed")];
  });
}

/** What a change of a rule does. */
export function ruleChanges(path: string, before: RuleArgs, after: RuleArgs): ChangeViolation[] {
  const condition = (rule: RuleArgs): string => JSON.stringify([rule.sql, sorted(rule.correlation)]);
  const found = judged(ruleTable, path, before, after);
  if (condition(before) === condition(after)) return found;
  const now = after.sql ?? after.correlation;
  const reason = "other messages match from now on; those that are there stay";
  return [
    violation(
      Silent,
      `${path}.${after.sql === undefined ? "correlation" : "sql"}`,
      now,
      reason,
      "See that it matches what is needed",
    ),
    ...found,
  ];
}

/** The same text for the same values, in whatever order they are written. */
function sorted(correlation: RuleArgs["correlation"]): unknown {
  const pairs = (map: object): unknown[] => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return correlation === undefined
    ? undefined
    : [pairs({ ...correlation, properties: undefined }), pairs(correlation.properties ?? {})];
}
