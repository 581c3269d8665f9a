import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { queueSchema, subscriptionSchema, topicSchema } from "../../../components/servicebus/entitySchema.js";
import {
  ChangeEffect,
  type ChangeViolation,
  entityChanges,
  type QueueArgs,
  queueChanges,
  type RuleArgs,
  ruleChanges,
  type ServiceBusEntitiesArgs,
  type SubscriptionArgs,
  subscriptionChanges,
  type TopicArgs,
  topicChanges,
} from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { anySoundBus } from "./arbitrary.js";

const { Downtime, LosesMessages, Refused, Silent } = ChangeEffect;
const said = (all: ChangeViolation[]): string[] => all.map((each) => `${each.effect} ${formatProblem(each)}`);
const second = "Make a second one, and let this one forward to it until it is empty";

/** Rows of the table: a setting, before and after, and all that is said of it. */
type Row<T> = [before: T, after: T, ...lines: string[]];

const queueRows: Row<QueueArgs>[] = [
  [
    {},
    { requiresSession: true },
    `losesMessages q.requiresSession: was left out: the queue is replaced: its messages and the state of its sessions are lost, and clients fail until the new one is there (found true). ${second}`,
  ],
  [
    { requiresDuplicateDetection: true },
    { requiresDuplicateDetection: false },
    `losesMessages q.requiresDuplicateDetection: was true: the queue is replaced: its messages are lost, and clients fail until the new one is there (found false). ${second}`,
  ],
  [
    { enablePartitioning: true },
    {},
    `losesMessages q.enablePartitioning: was true: the queue is replaced: its messages are lost, and clients fail until the new one is there (found "removed"). ${second}`,
  ],
  [
    { timeToLiveSeconds: 600 },
    { timeToLiveSeconds: 300 },
    "silent q.timeToLiveSeconds: was 600: messages that are sent from now on expire after 300 seconds, and are then dead-lettered (found 300). See that they are received within that time",
  ],
  [
    { deadLetterOnExpiration: false },
    { deadLetterOnExpiration: false, timeToLiveSeconds: 300 },
    "losesMessages q.timeToLiveSeconds: was left out: messages that are sent from now on expire after 300 seconds, and are then deleted (found 300). See that they are received within that time",
  ],
  [
    {},
    { deadLetterOnExpiration: false },
    "losesMessages q.deadLetterOnExpiration: was left out: messages that expire are deleted from now on (found false). Keep it",
  ],
  [
    {},
    { maxDeliveryCount: 3 },
    "silent q.maxDeliveryCount: was left out: messages that have had 3 deliveries or more are dead-lettered at their next (found 3). Settle those that are retried first, or put them back from the dead-letter queue after it",
  ],
  [
    { lockDurationSeconds: 300 },
    {},
    'silent q.lockDurationSeconds: was 300: a receiver that takes longer than 60 seconds without renewing loses its lock, and its message is delivered again (found "removed"). See that receivers renew their locks',
  ],
  [
    { requiresDuplicateDetection: true, duplicateDetectionSeconds: 3600 },
    { requiresDuplicateDetection: true },
    'silent q.duplicateDetectionSeconds: was 3600: a second message is taken where its first came more than 600 seconds before (found "removed"). Keep it as long as senders may try again',
  ],
  [
    {},
    { forwardTo: "r" },
    'downtime q.forwardTo: was left out: the queue takes no receivers any more, and its messages go to r (found "r"). Move the receivers to r first',
  ],
  [
    { forwardTo: "r" },
    { forwardTo: "s" },
    'silent q.forwardTo: was "r": messages go to s from now on (found "s"). See that somebody receives from s',
  ],
  [
    { forwardTo: "r" },
    {},
    'silent q.forwardTo: was "r": messages stay in the queue from now on (found "removed"). See that somebody receives them',
  ],
  [
    {},
    { forwardDeadLettersTo: "r" },
    'silent q.forwardDeadLettersTo: was left out: dead letters, also those that are there, go to r (found "r"). Tell whoever reads them',
  ],
  [
    { forwardDeadLettersTo: "r" },
    {},
    'silent q.forwardDeadLettersTo: was "r": dead letters stay where they are from now on (found "removed"). Tell whoever reads them',
  ],
  [
    {},
    { autoDeleteOnIdleSeconds: 600 },
    "losesMessages q.autoDeleteOnIdleSeconds: was left out: the queue is deleted with its messages after 600 seconds without use (found 600). Leave it out where messages may wait longer",
  ],
  [
    { maxSizeMegabytes: 5120 },
    { maxSizeMegabytes: 2048 },
    "downtime q.maxSizeMegabytes: was 5120: the queue refuses messages while it holds more than 2048 MB (found 2048). See first how much it holds",
  ],
  [
    { maxMessageSizeKilobytes: 2048 },
    { maxMessageSizeKilobytes: 1024 },
    "downtime q.maxMessageSizeKilobytes: was 2048: messages above 1024 KB are refused from now on (found 1024). Change the senders first",
  ],
  [
    {},
    { enableExpress: true },
    "silent q.enableExpress: was left out: messages may be lost where a broker fails (found true). Use it only for what may be lost",
  ],
  [
    {},
    { status: "Disabled" },
    'downtime q.status: was left out: senders and receivers fail until it is changed back (found "Disabled"). Stop them first',
  ],
  [
    { status: "SendDisabled" },
    { status: "Disabled" },
    'downtime q.status: was "SendDisabled": receivers fail until it is changed back (found "Disabled"). Stop them first',
  ],
];

const topicRows: Row<TopicArgs>[] = [
  [
    {},
    { requiresDuplicateDetection: true },
    `losesMessages t.requiresDuplicateDetection: was left out: the topic is replaced: its subscriptions and the messages in them are lost, and clients fail until the new one is there (found true). ${second}`,
  ],
  [
    { subscriptions: { s: { deadLetterOnExpiration: false } } },
    { subscriptions: { s: { deadLetterOnExpiration: false } }, timeToLiveSeconds: 60 },
    "losesMessages t.timeToLiveSeconds: was left out: messages that are sent from now on expire after 60 seconds, and are then deleted (found 60). See that they are received within that time",
  ],
  [
    { supportOrdering: true },
    {},
    'silent t.supportOrdering: was true: messages may come in another order (found "removed"). See that no receiver counts on it',
  ],
  [
    {},
    { status: "SendDisabled" },
    'downtime t.status: was left out: senders fail until it is changed back (found "SendDisabled"). Stop them first',
  ],
  [{ status: "SendDisabled" }, { status: "Disabled" }],
  [
    { subscriptions: { s: {} } },
    { subscriptions: {} },
    'losesMessages t.subscriptions.s: is deleted with its messages, and with those in its dead-letter queue (found "removed"). Empty it first',
  ],
  [
    { subscriptions: { s: { maxDeliveryCount: 20 } } },
    { subscriptions: { s: {}, added: {} } },
    'silent t.subscriptions.s.maxDeliveryCount: was 20: messages that have had 10 deliveries or more are dead-lettered at their next (found "removed"). Settle those that are retried first, or put them back from the dead-letter queue after it',
  ],
];

const subscriptionRows: Row<SubscriptionArgs>[] = [
  [
    { requiresSession: true },
    {},
    `losesMessages s.requiresSession: was true: the subscription is replaced: its messages and the state of its sessions are lost, and clients fail until the new one is there (found "removed"). ${second}`,
  ],
  [
    {},
    { deadLetterOnFilterError: false },
    "losesMessages s.deadLetterOnFilterError: was left out: messages whose rule fails are deleted from now on (found false). Keep it",
  ],
  [
    {},
    { status: "ReceiveDisabled" },
    'downtime s.status: was left out: receivers fail until it is changed back (found "ReceiveDisabled"). Stop them first',
  ],
  [
    {},
    { rules: { r: { sql: "a = 1" } } },
    'silent s.rules: were none: what none of them matches does not come any more (found ["r"]). See that they match all that is needed',
  ],
  [
    { rules: { r: { sql: "a = 1" } } },
    {},
    'silent s.rules: are all gone: every message comes from now on (found "removed"). Keep one that matches',
  ],
  [
    { rules: { r: { sql: "a = 1" }, q: { sql: "b = 1" }, $Default: { sql: "1=1" } } },
    { rules: { q: { sql: "b = 1" } } },
    'silent s.rules.r: is taken away: what it alone matches does not come any more (found "removed"). See that another rule matches what is needed',
    'silent s.rules.$Default: matches nothing from now on, as there are other rules (found "removed"). See that another rule matches what is needed',
  ],
];

const ruleRows: Row<RuleArgs>[] = [
  [
    { sql: "a = 1" },
    { sql: "a = 2" },
    'silent r.sql: other messages match from now on; those that are there stay (found "a = 2"). See that it matches what is needed',
  ],
  [
    { sql: "a = 1" },
    { correlation: { subject: "x" } },
    'silent r.correlation: other messages match from now on; those that are there stay (found {"subject":"x"}). See that it matches what is needed',
  ],
  [
    { sql: "a = 1", action: "SET b = 1" },
    { sql: "a = 1" },
    'silent r.action: was "SET b = 1": messages that come from now on are changed otherwise; those that are there stay as they are (found "removed"). See that receivers take both',
  ],
  [
    { correlation: { subject: "x", to: "y", properties: { a: "1", b: "2" } } },
    { correlation: { to: "y", properties: { b: "2", a: "1" }, subject: "x" } },
  ],
];

describe("what a change does", () => {
  it.each(queueRows)("to a queue: %j becomes %j", (before, after, ...lines) => {
    expect(said(queueChanges("q", before, after))).toEqual(lines);
  });
  it.each(topicRows)("to a topic: %j becomes %j", (before, after, ...lines) => {
    expect(said(topicChanges("t", before, after))).toEqual(lines);
  });
  it.each(subscriptionRows)("to a subscription: %j becomes %j", (before, after, ...lines) => {
    expect(said(subscriptionChanges("s", before, after))).toEqual(lines);
  });
  it.each(ruleRows)("to a rule: %j becomes %j", (before, after, ...lines) => {
    expect(said(ruleChanges("r", before, after))).toEqual(lines);
  });

  it.each<[string, QueueArgs, QueueArgs]>([
    [
      "more of everything",
      { maxDeliveryCount: 5, lockDurationSeconds: 5, timeToLiveSeconds: 60, maxSizeMegabytes: 1024 },
      { maxDeliveryCount: 6, lockDurationSeconds: 6, maxSizeMegabytes: 2048 },
    ],
    [
      "a default that is said",
      {},
      {
        maxDeliveryCount: 10,
        lockDurationSeconds: 60,
        requiresSession: false,
        deadLetterOnExpiration: true,
        status: "Active",
      },
    ],
    ["a note", { userMetadata: "a" }, { userMetadata: "b", enableBatchedOperations: false }],
    ["a way back", { status: "Disabled", enableExpress: true, autoDeleteOnIdleSeconds: 300 }, {}],
  ])("is nothing to speak of: %s", (_, before, after) => {
    expect(said(queueChanges("q", before, after))).toEqual([]);
  });

  it("is judged in every setting: each row of these tables names its setting, or is harmless", () => {
    const harmless = ["enableBatchedOperations", "userMetadata", "subscriptions", "rules"];
    const judged = (rows: Row<object>[]): string[] =>
      rows.flatMap(([before, after]) => [...Object.keys(before), ...Object.keys(after)]);
    const every = judged([...queueRows, ...topicRows, ...subscriptionRows]);
    for (const { shape } of [queueSchema, topicSchema, subscriptionSchema])
      expect(Object.keys(shape).filter((key) => !every.includes(key) && !harmless.includes(key))).toEqual([]);
  });
});

describe("what a change of a bus does", () => {
  const namespace = { tier: "Standard", name: "contoso" } as const;
  const bus = (entities: Partial<ServiceBusEntitiesArgs>): ServiceBusEntitiesArgs => ({ namespace, ...entities });
  const changes = (before: Partial<ServiceBusEntitiesArgs>, after: Partial<ServiceBusEntitiesArgs>): string[] =>
    said(entityChanges(bus(before), bus(after)));

  it("is a loss where a queue or a topic goes", () => {
    expect(changes({ queues: { q: {} }, topics: { t: {} } }, {})).toEqual([
      'losesMessages queues.q: is deleted with its messages, and with those that are dead-lettered (found "removed"). Empty it first',
      'losesMessages topics.t: is deleted with its subscriptions and the messages in them, and with those that are dead-lettered (found "removed"). Empty it first',
    ]);
  });

  it("is refused where a name stays and what has it is another", () => {
    expect(changes({ queues: { q: {}, Mixed: {} } }, { queues: { mixed: {} }, topics: { Q: {} } })).toEqual([
      'refused queues.q: is a topic now, which cannot be made while this is there (found "removed"). Take it away in one deployment and add the other in the next',
      'refused queues.Mixed: is written mixed now: to Azure that is the same name, and what it has already cannot be made (found "mixed"). Keep Mixed',
    ]);
  });

  it("names what forwards to a queue that is away for a time", () => {
    const topics = { t: { subscriptions: { s: { forwardDeadLettersTo: "Q" } } } };
    const [line, ...others] = changes(
      { queues: { q: {}, a: { forwardTo: "q" } }, topics },
      { queues: { q: { requiresSession: true }, a: { forwardTo: "q" } }, topics },
    );
    expect(others).toEqual([]);
    expect(line).toContain(
      "there; meanwhile what queues.a.forwardTo and topics.t.subscriptions.s.forwardDeadLettersTo would forward is dead-lettered",
    );
  });

  it("knows that entities follow their namespace's partitions", () => {
    const spread = { tier: "Premium", name: "contoso", capacity: 2, premiumMessagingPartitions: 2 } as const;
    const before = { namespace: spread, queues: { q: {} } };
    expect(entityChanges(before, { namespace: spread, queues: { q: { enablePartitioning: true } } })).toEqual([]);
  });

  it("is nothing where nothing changes, or only more is there", () => {
    fc.assert(
      fc.property(anySoundBus, (args) => {
        expect(entityChanges(args, structuredClone(args))).toEqual([]);
        expect(entityChanges({ namespace: args.namespace }, args)).toEqual([]);
      }),
    );
  });

  it("names every entity that is not there any more, and nothing that was not there", () => {
    fc.assert(
      fc.property(anySoundBus, anySoundBus, (before, after) => {
        const all = entityChanges(before, { ...after, namespace: before.namespace });
        const paths = all.map(({ path }) => path);
        for (const kind of ["queues", "topics"] as const)
          for (const name of Object.keys(before[kind] ?? {})) {
            const gone = after[kind]?.[name] === undefined;
            expect(paths.includes(`${kind}.${name}`)).toBe(gone);
          }
        for (const { effect, path } of all) {
          expect([Downtime, LosesMessages, Refused, Silent]).toContain(effect);
          expect(path).toMatch(/^(?:queues|topics)\./);
        }
      }),
      { numRuns: 50 },
    );
  });
});
