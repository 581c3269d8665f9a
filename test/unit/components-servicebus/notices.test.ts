import { describe, expect, it, vi } from "vitest";
import {
  ServiceBus,
  type ServiceBusEntitiesArgs,
  serviceBusNotices,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { run } from "../support/mocks.js";

const standard = { tier: "Standard", name: "contoso" } as const;
const premium = { tier: "Premium", name: "contoso", publicAccess: "Enabled" } as const;
const at = { namespace: standard };

/** Args that Azure takes, and the lines that are said of them; nothing else may be said. */
const said: [string, ServiceBusEntitiesArgs, string[]][] = [
  [
    "nothing of a bus without surprises",
    { ...at, queues: { a: { forwardTo: "b" }, b: {} }, topics: { t: { subscriptions: { s: {} } } } },
    [],
  ],
  [
    "where messages without a session go that are forwarded into sessions",
    {
      ...at,
      queues: { a: { forwardTo: "S", forwardDeadLettersTo: "s" }, s: { requiresSession: true } },
      topics: { t: { subscriptions: { x: { forwardTo: "s" } } } },
    },
    [
      'queues.a.forwardTo: has sessions: messages without a session id go to the transfer dead-letter queue of queues.a (found "S"). Let every sender set a session id, and watch that queue',
      'queues.a.forwardDeadLettersTo: has sessions: messages without a session id go to the transfer dead-letter queue of queues.a (found "s"). Let every sender set a session id, and watch that queue',
      'topics.t.subscriptions.x.forwardTo: has sessions: messages without a session id go to the transfer dead-letter queue of topics.t.subscriptions.x (found "s"). Let every sender set a session id, and watch that queue',
    ],
  ],
  [
    "a target that may be deleted",
    { ...at, queues: { a: { forwardTo: "b" }, b: { autoDeleteOnIdleSeconds: 600, timeToLiveSeconds: 600 } } },
    [
      'queues.a.forwardTo: is deleted after 600 seconds without use; from then on messages are dead-lettered here (found "b"). Leave autoDeleteOnIdleSeconds of the target out',
    ],
  ],
  [
    "a target that takes nothing",
    {
      ...at,
      queues: {
        a: { forwardTo: "b" },
        b: { status: "SendDisabled" },
        c: { forwardTo: "d" },
        d: { status: "ReceiveDisabled" },
      },
    },
    [
      'queues.a.forwardTo: is SendDisabled: messages are dead-lettered here until it is active again (found "b"). Set its status to Active',
    ],
  ],
  [
    "a target that takes smaller messages",
    {
      namespace: premium,
      queues: { a: { forwardTo: "b", maxMessageSizeKilobytes: 2048 }, b: {}, c: { forwardTo: "a" } },
    },
    [
      'queues.a.forwardTo: takes messages up to 1024 KB, and there may be some of 2048 KB here: they go to the transfer dead-letter queue (found "b"). Give both one maxMessageSizeKilobytes',
    ],
  ],
  [
    "messages that are deleted with what holds them",
    {
      ...at,
      queues: { a: { autoDeleteOnIdleSeconds: 600 }, b: { autoDeleteOnIdleSeconds: 600, timeToLiveSeconds: 601 } },
      topics: {
        t: { timeToLiveSeconds: 600, subscriptions: { sound: { autoDeleteOnIdleSeconds: 600 } } },
      },
    },
    [
      "queues.a.autoDeleteOnIdleSeconds: deletes it with its messages, which are kept for ever otherwise (found 600). Let timeToLiveSeconds be no longer, or leave autoDeleteOnIdleSeconds out",
      "queues.b.autoDeleteOnIdleSeconds: deletes it with its messages, which are kept 601 seconds otherwise (found 600). Let timeToLiveSeconds be no longer, or leave autoDeleteOnIdleSeconds out",
    ],
  ],
  [
    "messages that expire in their first lock",
    {
      ...at,
      queues: { a: { timeToLiveSeconds: 59 }, b: { timeToLiveSeconds: 60 } },
      topics: { t: { timeToLiveSeconds: 30, subscriptions: { s: { lockDurationSeconds: 5 }, u: {} } } },
    },
    [
      "queues.a.timeToLiveSeconds: is shorter than the lock of 60 seconds: a message that is not settled in its first lock has expired, and is not delivered again (found 59). Raise it, or lower lockDurationSeconds",
      "topics.t.subscriptions.u.timeToLiveSeconds: is shorter than the lock of 60 seconds: a message that is not settled in its first lock has expired, and is not delivered again (found 30). Raise it, or lower lockDurationSeconds",
    ],
  ],
  [
    "a subscription that wants to keep messages longer than its topic",
    { ...at, topics: { t: { timeToLiveSeconds: 600, subscriptions: { s: { timeToLiveSeconds: 601 } } } } },
    [
      "topics.t.subscriptions.s.timeToLiveSeconds: is cut to the topic's 600 seconds (found 601). Lower it, or raise the topic's",
    ],
  ],
  [
    "a topic without subscriptions",
    { ...at, topics: { t: {} } },
    [
      "topics.t.subscriptions: are none: what is sent to the topic is lost without an error. Add one, or leave it to those who subscribe at run time",
    ],
  ],
  [
    "order in a topic that is spread over brokers",
    {
      namespace: { ...premium, premiumMessagingPartitions: 2 },
      topics: { t: { supportOrdering: true, subscriptions: { s: {} } } },
    },
    [
      "topics.t.supportOrdering: holds for messages of one partition key, as the topic is partitioned (found true). Give messages that belong together one partition key or session id",
    ],
  ],
  [
    "a size that Azure counts sixteen times",
    { ...at, queues: { q: { enablePartitioning: true, maxSizeMegabytes: 81_920 } } },
    [
      "queues.q.maxSizeMegabytes: is counted for each of 16 partitions below Premium: 5120 is the 80 GB that there are at most (found 81920). Use 5120 or less",
    ],
  ],
];

describe("notices", () => {
  it.each(said)("say %s", (_, args, lines) => {
    expect(serviceBusProblems(args)).toEqual([]);
    expect(serviceBusNotices(args).map(formatProblem)).toEqual(lines);
  });

  it("say that Azure's own rules may count as SQL filters, near the quota alone", () => {
    const subscriptions = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, { rules: { r: { sql: "a = 1" } } }]));
    const bus = (count: number) => ({ ...at, topics: { t: { subscriptions: subscriptions(count) } } });
    expect(serviceBusNotices(bus(1000))).toEqual([]);
    expect(serviceBusNotices(bus(1001)).map(formatProblem)).toEqual([
      "topics.t.subscriptions: have 1001 SQL filters beside Azure's own in 1001 of them; if it counts its own, that is above 2000 (found 1001). Use correlation filters",
    ]);
  });

  it("are the component's warnings, and stop nothing", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    try {
      const args = { resourceGroupName: "rg", location: "westeurope", ...at, topics: { t: {} } };
      const { all } = await run(() => new ServiceBus("bus", args), { preview: true });
      expect(all("azure-native:servicebus:Topic")).toHaveLength(1);
      expect(warn.mock.calls.flat()).toEqual([expect.stringContaining("topics.t.subscriptions: are none: ")]);
    } finally {
      warn.mockRestore();
    }
  });
});
