import { describe, expect, it } from "vitest";
import { type ServiceBusEntitiesArgs, serviceBusProblems } from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";

const standard = { tier: "Standard", name: "contoso-bus" } as const;
const basic = { tier: "Basic", name: "contoso-bus" } as const;
const premium = { tier: "Premium", name: "contoso-bus" } as const;
const spread = { ...premium, capacity: 2, premiumMessagingPartitions: 2 } as const;

const queue = (settings: object, namespace: ServiceBusEntitiesArgs["namespace"] = standard): unknown => ({
  namespace,
  queues: { q: settings },
});
const subscription = (settings: object): unknown => ({
  namespace: standard,
  topics: { t: { subscriptions: { s: settings } } },
});
const rule = (settings: object, name = "r"): unknown => subscription({ rules: { [name]: settings } });
const at = "topics.t.subscriptions.s";

/** Args, and the lines that name each problem; nothing else may be found. */
const refused: [string, unknown, string[]][] = [
  [
    "deletion of what is idle on Basic",
    queue({ autoDeleteOnIdleSeconds: 300 }, basic),
    [
      "queues.q.autoDeleteOnIdleSeconds: is not there on Basic, only on Standard and Premium (found 300). Remove it, or set namespace.tier to Standard",
    ],
  ],
  [
    "deletion sooner than five minutes",
    queue({ autoDeleteOnIdleSeconds: 299 }),
    [
      "queues.q.autoDeleteOnIdleSeconds: must be a whole number from 300 to 922337203685 seconds (PT5M or more) (found 299). Give a number in that range",
    ],
  ],
  [
    "deletion of what forwards, which is never idle",
    { namespace: standard, queues: { q: { autoDeleteOnIdleSeconds: 300, forwardTo: "r" }, r: {} } },
    [
      "queues.q.autoDeleteOnIdleSeconds: does nothing with forwardTo: forwarding is use, so that the entity is never idle, and Azure unsets it (found 300). Remove one of the two",
    ],
  ],
  [
    "an express queue on Premium",
    queue({ enableExpress: true }, premium),
    [
      "queues.q.enableExpress: is not there on Premium, only on Standard (found true). Remove it, or set namespace.tier to Standard",
    ],
  ],
  [
    "an express queue that looks for duplicates",
    queue({ enableExpress: true, requiresDuplicateDetection: true }),
    [
      "queues.q.enableExpress: cannot be used with requiresDuplicateDetection: ids are remembered only of messages that are stored (found true). Remove one of the two",
    ],
  ],
  [
    "a flag that is none, and nothing of what would follow from it",
    queue({ requiresDuplicateDetection: "yes", duplicateDetectionSeconds: 60 }),
    ['queues.q.requiresDuplicateDetection: must be true or false (found "yes"). Write true or false, without quotes'],
  ],
  [
    "a queue that is not partitioned where every entity is",
    queue({ enablePartitioning: false }, spread),
    [
      "queues.q.enablePartitioning: must be true where namespace.premiumMessagingPartitions is 2: every entity is partitioned (found false). Remove it",
    ],
  ],
  [
    "a partitioned topic where no entity is",
    { namespace: premium, topics: { t: { enablePartitioning: true } } },
    [
      "topics.t.enablePartitioning: is not there on a Premium namespace without partitions (found true). Remove it, or set namespace.premiumMessagingPartitions, which is fixed when the namespace is made",
    ],
  ],
  [
    "a status that a topic does not have",
    { namespace: standard, topics: { t: { status: "ReceiveDisabled" } } },
    ['topics.t.status: must be one of Active, Disabled, SendDisabled (found "ReceiveDisabled"). Choose one of them'],
  ],
  [
    "a status that a subscription does not have",
    subscription({ status: "SendDisabled" }),
    [`${at}.status: must be one of Active, Disabled, ReceiveDisabled (found "SendDisabled"). Choose one of them`],
  ],
  [
    "subscriptions, and rules, of one name",
    {
      namespace: standard,
      topics: { t: { subscriptions: { s: { rules: { r: { sql: "1=1" }, R: { sql: "1=1" } } }, S: {} } } },
    },
    [
      `${at}.rules.R: has the name of r; the names of a subscription's rules differ in more than case (found "R"). Rename one`,
      'topics.t.subscriptions.S: has the name of s; the names of a topic\'s subscriptions differ in more than case (found "S"). Rename one',
    ],
  ],
  [
    "a rule whose name Azure refuses",
    rule({ sql: "1=1" }, "$own"),
    [
      `${at}.rules.$own: must be a rule named with 1 to 50 letters, digits, . - or _, beginning with a letter or digit (found "$own"). Rename it`,
    ],
  ],
  [
    "a rule whose name is too long",
    rule({ sql: "1=1" }, "r".repeat(51)),
    [
      `${at}.rules.${"r".repeat(51)}: must be a rule named with 1 to 50 letters, digits, . - or _, beginning with a letter or digit (found "${"r".repeat(51)}"). Rename it`,
    ],
  ],
  [
    "Azure's own rule in another case",
    rule({ sql: "1=1" }, "$default"),
    [`${at}.rules.$default: is not the name of Azure's own rule, which is $Default (found "$default"). Write it so`],
  ],
  [
    "a queue at a subscription's address",
    { namespace: standard, queues: { "T/Subscriptions/s": {} }, topics: { t: { subscriptions: { s: {} } } } },
    [`${at}: has the address of queues.T/Subscriptions/s (found "t/subscriptions/s"). Rename one`],
  ],
  [
    "ids that no message can have",
    rule({
      correlation: { messageId: "m".repeat(129), sessionId: "s".repeat(129), replyToSessionId: "r".repeat(129) },
    }),
    ["messageId", "replyToSessionId", "sessionId"].map(
      (id) =>
        `${at}.rules.r.correlation.${id}: must be at most 128 characters: no message has a longer one (found "${id.charAt(0).repeat(78)}…). Shorten it`,
    ),
  ],
  [
    "a condition that is too long",
    rule({ sql: `x = '${"y".repeat(1019)}'` }),
    [
      `${at}.rules.r.sql: must be at most 1024 characters (Azure's limit) (found "x = '${"y".repeat(73)}…). Shorten it, or use several rules`,
    ],
  ],
  [
    "a condition without an end of its text",
    rule({ sql: "sys.Label = 'it''s" }),
    [
      `${at}.rules.r.sql: has a text that begins with ' at 13 and does not end (found "sys.Label = 'it''s"). Correct it`,
    ],
  ],
  [
    "a condition with brackets that do not match",
    rule({ sql: "(a = 1 OR b = 2" }),
    [`${at}.rules.r.sql: has a ( that is not closed (found "(a = 1 OR b = 2"). Correct it`],
  ],
  [
    "a condition in another language",
    rule({ sql: "a == 1" }),
    [`${at}.rules.r.sql: has == at 3, which the service does not know: equality is = (found "a == 1"). Correct it`],
  ],
  [
    "a condition that is an action",
    rule({ sql: "SET a = 1" }),
    [`${at}.rules.r.sql: begins with SET, and is no condition (found "SET a = 1"). Put it in action`],
  ],
  [
    "an action that is a condition",
    rule({ sql: "1=1", action: "a = 1" }),
    [
      `${at}.rules.r.action: must begin with SET or REMOVE: it changes the message (found "a = 1"). Write SET name = value, or REMOVE name`,
    ],
  ],
  [
    "an action with too many expressions",
    rule({ sql: "1=1", action: Array.from({ length: 33 }, (_, i) => `SET a${i}='SET'`).join(";") }),
    [
      `${at}.rules.r.action: has 33 expressions; the service takes 32 (found "SET a0='SET';SET a1='SET';SET a2='SET';SET a3='SET';SET a4='SET';SET a5='SET';…). Shorten it, or set the rest where the message is sent`,
    ],
  ],
  [
    "a note that is too long",
    queue({ userMetadata: "n".repeat(1025) }),
    [`queues.q.userMetadata: must be at most 1024 characters (found "${"n".repeat(78)}…). Shorten it`],
  ],
];

describe("what Azure would refuse of an entity, refused before anything is registered", () => {
  it.each(refused)("%s", (_, args, lines) => {
    expect(serviceBusProblems(args as ServiceBusEntitiesArgs).map(formatProblem)).toEqual(lines);
  });
});

describe("what Azure takes of an entity", () => {
  it.each([
    ["ids of 128 characters", rule({ correlation: { messageId: "m".repeat(128), sessionId: "s".repeat(128) } })],
    ["a condition of 1024 characters", rule({ sql: `x = '${"y".repeat(1018)}'` })],
    [
      "text, names and brackets that hold each other's signs",
      rule({ sql: `([a ]] ' (b] = 'x"[' OR "c ""( " != '&|=={}')` }),
    ],
    ["32 expressions", rule({ sql: "1=1", action: Array.from({ length: 32 }, (_, i) => `SET a${i} = 1`).join("; ") })],
    ["one expression after the other without a sign between", rule({ sql: "1=1", action: "SET a = 1 REMOVE b" })],
    ["names of properties that begin like statements", rule({ sql: "setting = 1 AND user.selected = 2" })],
    ["a partitioned queue on Basic", queue({ enablePartitioning: true }, basic)],
    ["a partitioned queue on a partitioned namespace, said or not", queue({ enablePartitioning: true }, spread)],
    ["Azure's own rule by its name", rule({ sql: "1=1" }, "$Default")],
    [
      "dead letters forwarded from sessions",
      {
        namespace: standard,
        queues: { q: { requiresSession: true, forwardDeadLettersTo: "r" }, r: {} },
      },
    ],
  ])("%s", (_, args) => {
    expect(serviceBusProblems(args as ServiceBusEntitiesArgs)).toEqual([]);
  });
});
