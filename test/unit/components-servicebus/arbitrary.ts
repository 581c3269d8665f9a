import fc from "fast-check";
import {
  EntityStatus,
  type QueueArgs,
  type RuleArgs,
  type ServiceBusEntitiesArgs,
  type SubscriptionArgs,
  SubscriptionStatus,
  type TopicArgs,
  TopicStatus,
} from "../../../components/servicebus/index.js";

/** A record whose settings may each be left out. */
function some<T extends object>(model: { [K in keyof T]-?: fc.Arbitrary<NonNullable<T[K]>> }): fc.Arbitrary<T> {
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<unknown> as fc.Arbitrary<T>;
}

const seconds = (min: number, max: number) => fc.integer({ min, max });
const forever = 922_337_203_685;
const text = (maxLength: number) => fc.string({ maxLength });

const holding = {
  requiresDuplicateDetection: fc.boolean(),
  duplicateDetectionSeconds: seconds(20, 604_800),
  timeToLiveSeconds: seconds(1, forever),
  autoDeleteOnIdleSeconds: seconds(300, forever),
  maxSizeMegabytes: fc.constantFrom(1024, 2048, 3072, 4096, 5120, 10_240, 20_480, 40_960, 81_920),
  maxMessageSizeKilobytes: seconds(1024, 102_400),
  enablePartitioning: fc.boolean(),
  enableBatchedOperations: fc.boolean(),
  enableExpress: fc.boolean(),
  userMetadata: text(1024),
};
const receiving = {
  lockDurationSeconds: seconds(5, 300),
  maxDeliveryCount: seconds(1, 2000),
  requiresSession: fc.boolean(),
  deadLetterOnExpiration: fc.boolean(),
  // Always there, and nothing forwards on from it.
  forwardTo: fc.constant("end"),
  forwardDeadLettersTo: fc.constantFrom("end", "END"),
};

const rule: fc.Arbitrary<RuleArgs> = fc.oneof(
  fc.record({ sql: fc.constantFrom("1=1", "sys.Label LIKE 'a''%'", "[odd ]] name] IN (1, 2)", 'NOT "x" IS NULL') }),
  fc.record({ correlation: fc.record({ messageId: text(128), properties: fc.dictionary(fc.string(), fc.string()) }) }),
  fc.record({ sql: fc.constant("a = 1"), action: fc.constantFrom("SET b = newid()", "REMOVE b; SET [c d] = p('x')") }),
);

/** Names that are taken by Azure and differ in more than case. */
const partName = fc.stringMatching(/^[a-z0-9](?:[a-z0-9._-]{0,48}[a-z0-9_])?$/);
const map = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<{ [name: string]: T }> =>
  fc.dictionary(partName, values, { maxKeys: 4 });

const queue = some<QueueArgs>({
  ...holding,
  ...receiving,
  status: fc.constantFrom(...Object.values(EntityStatus)),
});
const subscription = some<SubscriptionArgs>({
  ...receiving,
  rules: map(rule),
  deadLetterOnFilterError: fc.boolean(),
  timeToLiveSeconds: holding.timeToLiveSeconds,
  autoDeleteOnIdleSeconds: holding.autoDeleteOnIdleSeconds,
  enableBatchedOperations: fc.boolean(),
  status: fc.constantFrom(...Object.values(SubscriptionStatus)),
  userMetadata: text(1024),
});
const topic = some<TopicArgs>({
  ...holding,
  subscriptions: map(subscription),
  supportOrdering: fc.boolean(),
  status: fc.constantFrom(...Object.values(TopicStatus)),
});

type Namespace = ServiceBusEntitiesArgs["namespace"];
const namespace = fc.constantFrom<Namespace>(
  { tier: "Basic", name: "contoso" },
  { tier: "Standard", name: "contoso" },
  { tier: "Premium", name: "contoso" },
  { tier: "Premium", name: "contoso", capacity: 4, premiumMessagingPartitions: 4 },
);

/** Takes away what a tier does not have, and one of two settings that exclude each other, by the published tables. */
function allowed<T extends QueueArgs & Omit<TopicArgs & SubscriptionArgs, "status">>(settings: T, of: Namespace): T {
  const premium = of.tier === "Premium";
  const refused = [
    ...(of.tier === "Basic"
      ? ["requiresSession", "requiresDuplicateDetection", "duplicateDetectionSeconds", "autoDeleteOnIdleSeconds"]
      : []),
    ...(of.tier === "Basic" ? ["forwardTo", "forwardDeadLettersTo"] : []),
    ...(of.tier === "Basic" && (settings.timeToLiveSeconds ?? 0) > 1_209_600 ? ["timeToLiveSeconds"] : []),
    ...(of.tier === "Standard" && settings.requiresDuplicateDetection !== true ? [] : ["enableExpress"]),
    ...(premium ? ["enablePartitioning"] : ["maxMessageSizeKilobytes"]),
    ...(settings.requiresDuplicateDetection === true ? [] : ["duplicateDetectionSeconds"]),
    ...(settings.requiresSession === true ? ["forwardTo"] : []),
    ...(settings.forwardTo === undefined ? [] : ["autoDeleteOnIdleSeconds"]),
    ...(!premium && settings.enablePartitioning !== true && (settings.maxSizeMegabytes ?? 0) > 5120
      ? ["maxSizeMegabytes"]
      : []),
  ];
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !refused.includes(key))) as T;
}

/** Any bus that Azure takes. */
export const anySoundBus: fc.Arbitrary<ServiceBusEntitiesArgs> = fc
  .record({ namespace, queues: map(queue), topics: map(topic) })
  .map(({ namespace: of, queues, topics }) => {
    const taken = Object.entries(queues).map(([name, settings]) => [`q.${name}`, allowed(settings, of)] as const);
    const withTopics = Object.entries(topics).map(
      ([name, { subscriptions = {}, status, ...settings }]) =>
        [
          `t.${name}`,
          {
            ...allowed(settings, of),
            ...(status === undefined ? {} : { status }),
            subscriptions: Object.fromEntries(
              Object.entries(subscriptions).map(([key, { status: own, ...each }]) => [
                key,
                { ...allowed(each, of), ...(own === undefined ? {} : { status: own }) },
              ]),
            ),
          },
        ] as const,
    );
    return {
      namespace: of,
      queues: { ...Object.fromEntries(taken), end: {} },
      ...(of.tier === "Basic" ? {} : { topics: Object.fromEntries(withTopics) }),
    };
  });

/** A bus of queues and topics with subscriptions that forward to each other as it comes. */
export const anyForwarding = fc
  .record({ queues: fc.integer({ min: 0, max: 7 }), topics: fc.integer({ min: 0, max: 4 }) })
  .chain(({ queues, topics }) => {
    const names = [
      ...Array.from({ length: queues }, (_, i) => `q${i}`),
      ...Array.from({ length: topics }, (_, i) => `t${i}`),
    ];
    const target =
      names.length === 0 ? fc.constant(undefined) : fc.option(fc.constantFrom(...names), { nil: undefined });
    const from = fc.record({ forwardTo: target, forwardDeadLettersTo: target }).map(stated);
    return fc.record({
      queues: fc.array(from, { minLength: queues, maxLength: queues }),
      topics: fc.array(fc.array(from, { maxLength: 3 }), { minLength: topics, maxLength: topics }),
    });
  })
  .map(
    ({ queues, topics }): ServiceBusEntitiesArgs => ({
      namespace: { tier: "Standard", name: "contoso" },
      queues: Object.fromEntries(queues.map((queue, i): [string, QueueArgs] => [`q${i}`, queue])),
      topics: Object.fromEntries(topics.map((each, i): [string, TopicArgs] => [`t${i}`, topicOf(each)])),
    }),
  );

function stated(from: { forwardTo: string | undefined; forwardDeadLettersTo: string | undefined }): SubscriptionArgs {
  return Object.fromEntries(Object.entries(from).filter(([, target]) => target !== undefined));
}

function topicOf(subscriptions: SubscriptionArgs[]): TopicArgs {
  return { subscriptions: Object.fromEntries(subscriptions.map((each, i) => [`s${i}`, each])) };
}

/** The same with no way back: every target has a higher number, or is a topic where the other is a queue. */
export const anyChains = anyForwarding.map((args): ServiceBusEntitiesArgs => {
  const order = (name: string): number => Number(name.slice(1)) * 2 + (name.startsWith("t") ? 1 : 0);
  const onwards = <T extends QueueArgs | SubscriptionArgs>(name: string, settings: T): T =>
    Object.fromEntries(
      Object.entries(settings).filter(([, target]) => typeof target === "string" && order(target) > order(name)),
    ) as T;
  const topics = Object.entries(args.topics ?? {}).map(([name, { subscriptions = {} }]) => {
    const kept = Object.entries(subscriptions).map(([key, settings]) => [key, onwards(name, settings)]);
    return [name, { subscriptions: Object.fromEntries(kept) }];
  });
  return {
    namespace: args.namespace,
    queues: Object.fromEntries(Object.entries(args.queues ?? {}).map(([name, each]) => [name, onwards(name, each)])),
    topics: Object.fromEntries(topics),
  };
});
