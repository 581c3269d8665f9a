import { describe, expect, it } from "vitest";
import { type ServiceBusEntitiesArgs, serviceBusProblems } from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";

const standard = { tier: "Standard", name: "contoso-bus" } as const;
const basic = { tier: "Basic", name: "contoso-bus" } as const;
const premium = { tier: "Premium", name: "contoso-bus" } as const;

const sound: ServiceBusEntitiesArgs = {
  namespace: standard,
  queues: {
    renders: { lockDurationSeconds: 300, maxDeliveryCount: 5, forwardDeadLettersTo: "graveyard" },
    "eu/north.renders_1": { requiresSession: true },
    graveyard: { timeToLiveSeconds: 86_400 },
  },
  topics: {
    events: {
      subscriptions: {
        audit: { rules: { orders: { sql: "sys.Label = 'order'" } }, forwardTo: "renders" },
        all: {},
      },
    },
  },
};

describe("a namespace that Azure would take", () => {
  it.each([
    ["queues, topics, subscriptions, rules and forwarding", sound],
    ["a basic namespace with a queue", { namespace: basic, queues: { q: {} } }],
    [
      "a premium namespace that is closed",
      { namespace: { ...premium, capacity: 4, publicAccess: "Disabled", zoneRedundant: true }, queues: { q: {} } },
    ],
    ["addresses that may come in", { namespace: { ...standard, ipRules: ["203.0.113.7", "10.0.0.0/8"] } }],
  ] satisfies [string, ServiceBusEntitiesArgs][])("has no problem: %s", (_, args) => {
    expect(serviceBusProblems(args)).toEqual([]);
  });
});

const queue = (settings: object, namespace: ServiceBusEntitiesArgs["namespace"] = standard) => ({
  namespace,
  queues: { q: settings },
});

/** Args, and the lines that name each problem; nothing else may be found. */
const refused: [string, unknown, string[]][] = [
  [
    "a lock longer than five minutes",
    queue({ lockDurationSeconds: 301 }),
    [
      "queues.q.lockDurationSeconds: must be a whole number from 5 to 300 seconds (PT5S to PT5M, Azure's limit) (found 301). Give a number in that range",
    ],
  ],
  [
    "a lock shorter than five seconds",
    queue({ lockDurationSeconds: 4 }),
    [
      "queues.q.lockDurationSeconds: must be a whole number from 5 to 300 seconds (PT5S to PT5M, Azure's limit) (found 4). Give a number in that range",
    ],
  ],
  [
    "no delivery at all",
    queue({ maxDeliveryCount: 0 }),
    [
      "queues.q.maxDeliveryCount: must be a whole number from 1 to 2000 deliveries (found 0). Give a number in that range",
    ],
  ],
  [
    "a slip in a setting",
    queue({ lockDurationSecond: 30 }),
    ["queues.q.lockDurationSecond: unknown key (found 30). Did you mean lockDurationSeconds?"],
  ],
  [
    "a queue name that Azure refuses",
    { namespace: standard, queues: { "-renders": {} } },
    [
      'queues.-renders: must be named with 1 to 260 letters, digits, . - _ or /, beginning with a letter or digit and ending with one or _ (found "-renders"). Rename it',
    ],
  ],
  [
    "a subscription name that is too long",
    { namespace: standard, topics: { t: { subscriptions: { ["s".repeat(51)]: {} } } } },
    [
      `topics.t.subscriptions.${"s".repeat(51)}: must be a subscription named with 1 to 50 letters, digits, . - or _, beginning with a letter or digit (found "${"s".repeat(51)}"). Rename it`,
    ],
  ],
  [
    "a queue and a topic of one name",
    { namespace: standard, queues: { events: {} }, topics: { Events: {} } },
    [
      'topics.Events: has the name of queues.events; queues and topics share one set of names, without regard to case (found "Events"). Rename one',
    ],
  ],
  [
    "a namespace name that Azure keeps for itself",
    { namespace: { tier: "Standard", name: "contoso-sb" } },
    [
      'namespace.name: must be 6 to 50 letters, digits or -, the first a letter, the last a letter or digit, not ending in -sb or -mgmt (found "contoso-sb"). Use a name by Azure\'s rule',
    ],
  ],
  [
    "a topic on Basic",
    { namespace: basic, topics: { events: {} } },
    [
      'topics: are not there on Basic, only on Standard and Premium (found ["events"]). Remove them, or set namespace.tier to Standard',
    ],
  ],
  [
    "sessions and forwarding on Basic, each named",
    {
      namespace: basic,
      queues: { a: { requiresSession: true }, b: { forwardTo: "a", timeToLiveSeconds: 1_209_601 } },
    },
    [
      "queues.a.requiresSession: is not there on Basic, only on Standard and Premium (found true). Remove it, or set namespace.tier to Standard",
      'queues.b.forwardTo: is not there on Basic, only on Standard and Premium (found "a"). Remove it, or set namespace.tier to Standard',
      "queues.b.timeToLiveSeconds: must be at most 1209600 seconds (P14D) on Basic (found 1209601). Lower it, or use Standard",
    ],
  ],
  [
    "what only Premium has",
    {
      namespace: { ...standard, capacity: 2, zoneRedundant: true, publicAccess: "Disabled" },
      queues: { q: { maxMessageSizeKilobytes: 2048, maxSizeMegabytes: 10240 } },
    },
    [
      "namespace.capacity: is not there on Standard, only on Premium (found 2). Remove it, or set namespace.tier to Premium",
      "namespace.zoneRedundant: is not there on Standard, only on Premium (found true). Remove it, or set namespace.tier to Premium",
      'namespace.publicAccess: is not there on Standard, only on Premium (found "Disabled"). Remove it, or set namespace.tier to Premium',
      "queues.q.maxMessageSizeKilobytes: is not there on Standard, only on Premium (found 2048). Remove it, or set namespace.tier to Premium",
      "queues.q.maxSizeMegabytes: must be at most 5120 on Standard (found 10240). Lower it, set enablePartitioning, or use Premium",
    ],
  ],
  [
    "a partitioned queue on Premium",
    queue({ enablePartitioning: true }, premium),
    [
      "queues.q.enablePartitioning: is not there on a Premium namespace without partitions (found true). Remove it, or set namespace.premiumMessagingPartitions, which is fixed when the namespace is made",
    ],
  ],
  [
    "rules for addresses where there is no public endpoint",
    { namespace: { ...premium, publicAccess: "Disabled", ipRules: ["203.0.113.7"] } },
    [
      'namespace.ipRules: does nothing where publicAccess is Disabled (found ["203.0.113.7"]). Remove it, or set publicAccess to Enabled',
    ],
  ],
  [
    "an address that is none",
    { namespace: { ...standard, ipRules: ["203.0.113.256", "10.0.0.0/33"] } },
    [
      'namespace.ipRules.0: must be an IPv4 address or range (found "203.0.113.256"). Give an address such as 203.0.113.7, or a range such as 203.0.113.0/28',
      'namespace.ipRules.1: must be an IPv4 address or range (found "10.0.0.0/33"). Give an address such as 203.0.113.7, or a range such as 203.0.113.0/28',
    ],
  ],
  [
    "a window without duplicate detection",
    queue({ duplicateDetectionSeconds: 60 }),
    [
      "queues.q.duplicateDetectionSeconds: does nothing without requiresDuplicateDetection (found 60). Set requiresDuplicateDetection, or remove it",
    ],
  ],
  [
    "forwarding to nowhere",
    { namespace: standard, queues: { a: { forwardTo: "b" } } },
    ['queues.a.forwardTo: is not a queue or topic of this namespace (found "b"). Add it, or use one of a'],
  ],
  [
    "forwarding from sessions",
    { namespace: standard, queues: { a: { forwardTo: "b", requiresSession: true }, b: {} } },
    [
      'queues.a.forwardTo: cannot be used with requiresSession: the service does not forward from sessions (found "b"). Remove one of the two',
    ],
  ],
  [
    "a circle through a topic and dead letters, once",
    {
      namespace: standard,
      queues: { a: { forwardTo: "t" }, b: { forwardDeadLettersTo: "a" } },
      topics: { t: { subscriptions: { s: { forwardTo: "b" } } } },
    },
    ['queues.a.forwardTo: makes messages go round: a -> t -> b -> a (found "t"). Let one of them keep its messages'],
  ],
  [
    "a rule with two conditions and one with none",
    {
      namespace: standard,
      topics: {
        t: {
          subscriptions: {
            s: { rules: { two: { sql: "1=1", correlation: { subject: "x" } }, none: { correlation: {} } } },
          },
        },
      },
    },
    [
      'topics.t.subscriptions.s.rules.two: must have either sql or correlation (found {"sql":"1=1","correlation":{"subject":"x"}}). Give exactly one of them',
      "topics.t.subscriptions.s.rules.none.correlation: has no condition and would match every message (found {}). Give a value that messages must have, or remove the rule",
    ],
  ],
];

describe("what Azure would refuse, refused before anything is registered", () => {
  it.each(refused)("%s", (_, args, lines) => {
    expect(serviceBusProblems(args as ServiceBusEntitiesArgs).map(formatProblem)).toEqual(lines);
  });

  it("names all problems at once, of single settings and of settings together", () => {
    const problems = serviceBusProblems({
      namespace: standard,
      queues: { a: { lockDurationSeconds: 301, forwardTo: "nowhere" }, "b-": {} },
    });
    expect(problems.map((p) => p.path)).toEqual(["queues.a.lockDurationSeconds", "queues.b-", "queues.a.forwardTo"]);
  });
});
