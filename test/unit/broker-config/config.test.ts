import { describe, expect, it } from "vitest";
import { applyConfig, type BrokerConfig, ConfigError, parseConfig } from "../../../stacks/local/broker/config/index.js";
import { Broker } from "../../../stacks/local/broker/index.js";

/** A file with one namespace. */
function file(namespace: object, more: object = { Logging: { Type: "File" } }): string {
  return JSON.stringify({ UserConfig: { Namespaces: [{ Name: "sbemulatorns", ...namespace }], ...more } });
}

function problemsOf(text: string): string[] {
  try {
    parseConfig(text);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
    }
    throw error;
  }
}

function brokerOf(config: BrokerConfig): Broker {
  const broker = new Broker();
  applyConfig(broker, config);
  return broker;
}

const ORDERS = {
  Name: "orders",
  Properties: {
    DeadLetteringOnMessageExpiration: true,
    DefaultMessageTimeToLive: "PT30M",
    DuplicateDetectionHistoryTimeWindow: "PT1M",
    ForwardDeadLetteredMessagesTo: "dead",
    ForwardTo: "",
    LockDuration: "PT2M",
    MaxDeliveryCount: 7,
    RequiresDuplicateDetection: true,
    RequiresSession: true,
  },
};

describe("a configuration of the emulator", () => {
  it("sets every property that it says", () => {
    const broker = brokerOf(parseConfig(file({ Queues: [ORDERS, { Name: "dead" }] })));
    expect(broker.entities().find(({ path }) => path === "orders")?.settings).toMatchObject({
      deadLetteringOnMessageExpiration: true,
      timeToLive: 1_800,
      duplicateDetectionWindowSeconds: 60,
      forwardDeadLetteredMessagesTo: "dead",
      lockDurationSeconds: 120,
      maxDeliveryCount: 7,
      requiresDuplicateDetection: true,
      requiresSession: true,
    });
    expect(broker.entities().find(({ path }) => path === "orders")?.settings.forwardTo).toBeUndefined();
  });

  it("has the emulator's defaults for what it leaves out", () => {
    const broker = brokerOf(parseConfig(file({ Queues: [{ Name: "plain" }] })));
    expect(broker.entities()[0]?.settings).toMatchObject({
      timeToLive: 3_600,
      lockDurationSeconds: 60,
      maxDeliveryCount: 3,
      requiresSession: false,
    });
  });

  it("also takes what the service has and the emulator has not", () => {
    const Properties = {
      Status: "SendDisabled",
      AutoDeleteOnIdle: "PT10M",
      UserMetadata: "ours",
      EnablePartitioning: true,
      MaxMessageSizeInKilobytes: 64,
      DefaultMessageTimeToLive: "P10675199DT2H48M5.4775807S",
    };
    const broker = brokerOf(parseConfig(file({ Queues: [{ Name: "q", Properties }] })));
    const settings = broker.entities()[0]?.settings;
    expect(settings).toMatchObject({
      status: "SendDisabled",
      autoDeleteOnIdleSeconds: 600,
      userMetadata: "ours",
      enablePartitioning: true,
      maxMessageSizeInKilobytes: 64,
    });
    expect(settings?.timeToLive).toBeUndefined();
  });

  it("makes topics, subscriptions and rules; rules that are said are the only ones", () => {
    const Rules = [
      { Name: "sql", Properties: { FilterType: "Sql", SqlFilter: { SqlExpression: "a = 1" } } },
      {
        Name: "correlation",
        Properties: {
          FilterType: "Correlation",
          CorrelationFilter: { Label: "l", To: "t", Properties: { prop1: "value1", n: 3 } },
          Action: { SqlExpression: "SET b = 2" },
        },
      },
    ];
    const text = file({
      Topics: [
        {
          Name: "events",
          Subscriptions: [
            { Name: "ruled", Rules },
            { Name: "plain", Rules: [] },
          ],
        },
      ],
    });
    const broker = brokerOf(parseConfig(text));
    const rules = (name: string) =>
      broker.entities().find(({ path }) => path === `events/Subscriptions/${name}`)?.rules;
    expect(rules("ruled")).toEqual({
      sql: { kind: "sql", expression: "a = 1" },
      correlation: { kind: "correlation", subject: "l", to: "t", properties: { prop1: "value1", n: 3 } },
    });
    expect(rules("plain")).toEqual({ $Default: { kind: "true" } });
  });

  it("can be applied again", () => {
    const Rules = [{ Name: "r", Properties: { FilterType: "Sql", SqlFilter: { SqlExpression: "a = 1" } } }];
    const config = parseConfig(file({ Topics: [{ Name: "t", Subscriptions: [{ Name: "s", Rules }] }] }));
    const broker = brokerOf(config);
    expect(applyConfig(broker, config)).toBe(2);
  });

  it("is refused with everything that a broker has otherwise and that cannot change, and sets nothing", () => {
    const broker = new Broker();
    broker.putQueue("orders", { requiresSession: true });
    broker.putQueue("events");
    broker.putTopic("news");
    broker.putSubscription("news", "all", { requiresSession: true });
    const text = file({
      Queues: [{ Name: "first" }, { Name: "Orders" }],
      Topics: [{ Name: "events" }, { Name: "news", Subscriptions: [{ Name: "ALL" }] }],
    });
    const told = (() => {
      try {
        return applyConfig(broker, parseConfig(text));
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
      }
    })();
    expect(told).toEqual([
      "UserConfig.Namespaces[0].Queues[1].Properties.RequiresSession: is true since the entity was made, and cannot change",
      "UserConfig.Namespaces[0].Topics[0].Name: is the name of a queue that is there",
      "UserConfig.Namespaces[0].Topics[1].Subscriptions[0].Properties.RequiresSession: is true since the entity was made, and cannot change",
    ]);
    expect(broker.entities().map(({ path }) => path)).toEqual(["orders", "events", "news", "news/Subscriptions/all"]);
  });

  it("is taken with a byte order mark, without Logging and with a schema", () => {
    const text = JSON.stringify({ $schema: "./schema.json", UserConfig: { Namespaces: [{ Name: "n" }] } });
    expect(parseConfig(`\ufeff${text}`)).toEqual({ namespace: "n", queues: [], topics: [] });
  });
});

describe("a configuration that is wrong", () => {
  it.each<readonly [string, string, readonly string[]]>([
    ["no JSON", "{", ["the file: is no JSON: "]],
    ["no object", "[]", ["the file: Invalid input"]],
    ["no namespace", '{"UserConfig":{"Namespaces":[]}}', ["UserConfig.Namespaces: must hold exactly one namespace"]],
    ["another key", file({ Queue: [] }), ["UserConfig.Namespaces[0]: Unrecognized key"]],
    [
      "another type",
      file({ Queues: [{ Name: "q", Properties: { MaxDeliveryCount: "3" } }] }),
      ["UserConfig.Namespaces[0].Queues[0].Properties.MaxDeliveryCount: Invalid input: expected number"],
    ],
    [
      "a duration that is none",
      file({ Queues: [{ Name: "q", Properties: { LockDuration: "1 minute" } }] }),
      ["UserConfig.Namespaces[0].Queues[0].Properties.LockDuration: must be an ISO 8601 duration"],
    ],
    [
      "a range",
      file({ Queues: [{ Name: "q", Properties: { LockDuration: "PT10M" } }] }),
      ["UserConfig.Namespaces[0].Queues[0].Properties.LockDuration: must be 1 to 300 seconds"],
    ],
    [
      "names",
      file({ Queues: [{ Name: "bad name" }, { Name: "q" }], Topics: [{ Name: "Q" }] }),
      [
        "UserConfig.Namespaces[0].Queues[0].Name: 'bad name' cannot be the name of a queue",
        "UserConfig.Namespaces[0].Topics[0].Name: is the name at UserConfig.Namespaces[0].Queues[1].Name already",
      ],
    ],
    [
      "a target that is missing",
      file({ Queues: [{ Name: "q", Properties: { ForwardTo: "gone" } }] }),
      ["UserConfig.Namespaces[0].Queues[0].Properties.ForwardTo: is no queue or topic of this file"],
    ],
    [
      "SQL",
      file({
        Topics: [
          {
            Name: "t",
            Subscriptions: [
              {
                Name: "s",
                Rules: [
                  { Name: "r", Properties: { FilterType: "Sql", SqlFilter: { SqlExpression: "a = = 1" } } },
                  {
                    Name: "r2",
                    Properties: {
                      FilterType: "Sql",
                      SqlFilter: { SqlExpression: "1=1" },
                      Action: { SqlExpression: "SET" },
                    },
                  },
                ],
              },
            ],
          },
        ],
      }),
      [
        "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[0].Properties.SqlFilter.SqlExpression: The SQL expression 'a = = 1' has an error at position 5",
        "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[1].Properties.Action.SqlExpression: The SQL expression 'SET' has an error",
      ],
    ],
    [
      "a filter without its part",
      file({
        Topics: [
          { Name: "t", Subscriptions: [{ Name: "s", Rules: [{ Name: "r", Properties: { FilterType: "Sql" } }] }] },
        ],
      }),
      ["UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[0].Properties.SqlFilter: Invalid input"],
    ],
  ])("is refused with its place: %s", (_, text, problems) => {
    const found = problemsOf(text);
    expect(found).toHaveLength(problems.length);
    for (const [i, problem] of problems.entries()) {
      expect(found[i]).toContain(problem);
    }
  });
});
