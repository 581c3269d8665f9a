import { describe, expect, it } from "vitest";
import { type ServiceBusEntitiesArgs, serviceBusProblems } from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { platform, REGIONS } from "../../support/busTiers.js";

const plain = { tier: "Premium", name: "contoso-bus" } as const;
const alerts = { actionGroupIds: [platform.actionGroup] };

/** Settings of a namespace, and the lines that name each problem; nothing else may be found. */
const refused: [string, object, string[]][] = [
  [
    "an audit of messages and of connections below Premium",
    {
      tier: "Standard",
      diagnostics: { a: { workspaceId: platform.workspace, logs: ["RuntimeAuditLogs", "VNetAndIPFilteringLogs"] } },
    },
    [
      'namespace.diagnostics.a.logs.0: is written on Premium only: on Standard Azure does not record who sent or received what (found "RuntimeAuditLogs"). Remove it, or set namespace.tier to Premium',
      'namespace.diagnostics.a.logs.1: is written on Premium only: on Standard Azure does not record which connections its network rules refused (found "VNetAndIPFilteringLogs"). Remove it, or set namespace.tier to Premium',
    ],
  ],
  [
    "units that are no multiple of the partitions",
    { ...plain, premiumMessagingPartitions: 4, capacity: 2, autoscale: { minUnits: 1, maxUnits: 8 } },
    [
      "namespace.capacity: must be one of 4, 8, 16, 32, 64 with 4 partitions: each has as many units as the others (found 2). Choose one of them",
      "namespace.autoscale.minUnits: must be one of 4, 8, 16, 32, 64 with 4 partitions: each has as many units as the others (found 1). Choose one of them",
    ],
  ],
  [
    "more units than one partition has",
    { ...plain, capacity: 32 },
    [
      "namespace.capacity: must be one of 1, 2, 4, 8, 16 with 1 partition: each has as many units as the others (found 32). Choose one of them",
    ],
  ],
  [
    "partitions that there are not, and units that are none",
    { ...plain, premiumMessagingPartitions: 3, capacity: 3 },
    [
      "namespace.capacity: must be one of 1, 2, 4, 8, 16, 32, 64 messaging units (found 3). Choose one of them",
      "namespace.premiumMessagingPartitions: must be one of 1, 2, 4 partitions (found 3). Choose one of them",
    ],
  ],
  [
    "an autoscaler that goes up and down for ever, or nowhere",
    { ...plain, capacity: 8, autoscale: { minUnits: 4, maxUnits: 4, scaleOutPercent: 60, scaleInPercent: 30 } },
    [
      "namespace.autoscale.maxUnits: must be above minUnits, 4 (found 4). Raise it, or remove autoscale and set capacity",
      "namespace.capacity: must lie between autoscale's 4 and 4, as it is what the namespace begins with (found 8). Remove it, or choose one of them",
      "namespace.autoscale.scaleInPercent: must be less than half of scaleOutPercent, 60: half of the units have twice the load (found 30). Lower it, or raise scaleOutPercent",
    ],
  ],
  [
    "times that Azure Monitor does not take",
    { ...plain, autoscale: { minUnits: 1, maxUnits: 2, windowSeconds: 330, cooldownSeconds: 30 } },
    [
      "namespace.autoscale.windowSeconds: must be whole minutes, in seconds (found 330). Round it to 60",
      "namespace.autoscale.cooldownSeconds: must be a whole number from 60 to 604800 seconds (found 30). Give a number in that range",
      "namespace.autoscale.cooldownSeconds: must be whole minutes, in seconds (found 30). Round it to 60",
    ],
  ],
  [
    "diagnostics to nowhere, of nothing, by half",
    {
      ...plain,
      diagnostics: {
        a: {},
        b: { workspaceId: platform.workspace, logs: [], metrics: false },
        c: { storageAccountId: platform.account, eventHubName: "bus", logs: ["OperationalLogs", "OperationalLogs"] },
      },
    },
    [
      "namespace.diagnostics.a: goes nowhere. Give workspaceId, storageAccountId or eventHubAuthorizationRuleId",
      "namespace.diagnostics.b.logs: must not be empty where metrics is false (found []). Name a log, or remove it all",
      'namespace.diagnostics.c.eventHubName: does nothing without eventHubAuthorizationRuleId (found "bus"). Give the rule as well, or remove it',
      'namespace.diagnostics.c.logs.1: stands there twice (found "OperationalLogs"). Remove one of the two',
    ],
  ],
  [
    "the same logs to the same place, and more settings than Azure takes",
    {
      ...plain,
      diagnostics: Object.fromEntries(
        ["a", "b", "c", "d", "e", "f"]
          .map((key, i) => [key, { workspaceId: i === 5 ? platform.workspace : `${platform.workspace}${i}` }])
          .concat([["f", { workspaceId: `${platform.workspace}0` }]]),
      ),
    },
    [
      'namespace.diagnostics: must be at most 5 (Azure\'s limit) (found ["a","b","c","d","e","f"]). Remove some',
      "namespace.diagnostics.f: sends to one place what namespace.diagnostics.a sends there already, which Azure refuses. Join the two, or name other logs in one of them",
    ],
  ],
  [
    "alerts on nothing",
    { ...plain, alerts },
    [
      "namespace.alerts: raises no alert. Give one of deadLetters, activeMessages, throttledRequests, serverErrors, or remove it",
    ],
  ],
  [
    "an alert on what is not there, that looks too seldom",
    {
      ...plain,
      alerts: { ...alerts, deadLetters: { threshold: 0, windowSeconds: 300, everySeconds: 900, entities: ["render"] } },
    },
    [
      "namespace.alerts.deadLetters.everySeconds: must be at most the window, 300 seconds: what lies between would never be looked at (found 900). Lower it, or raise windowSeconds",
      'namespace.alerts.deadLetters.entities.0: is not a queue or topic of this namespace (found "render"). Use one of renders',
    ],
  ],
  [
    "an alert whose settings Azure Monitor does not take, that tells nobody",
    {
      ...plain,
      alerts: { actionGroupIds: [], deadLetters: { threshold: -1, windowSeconds: 120, severity: 5, entities: [] } },
    },
    [
      "namespace.alerts.actionGroupIds: must be a list of 1 to 5 action groups (found []). Give the ids of those that are to be told",
      "namespace.alerts.deadLetters.threshold: must be a number from 0 (found -1). Give the value above which the alert is raised",
      "namespace.alerts.deadLetters.windowSeconds: must be one of 60, 300, 900, 1800, 3600, 21600, 43200, 86400 seconds (found 120). Choose one of them",
      "namespace.alerts.deadLetters.severity: must be a whole number from 0 to 4 (found 5). Give a number in that range",
      "namespace.alerts.deadLetters.entities: must name 1 to 50 queues and topics (found []). Leave it out for all of them",
    ],
  ],
  [
    "a lock that keeps the autoscaler out",
    { ...plain, autoscale: { minUnits: 1, maxUnits: 2 }, lock: { level: "ReadOnly", notes: "n".repeat(513) } },
    [
      `namespace.lock.notes: must be at most 512 characters (Azure's limit) (found "${"n".repeat(78)}…). Shorten it`,
      'namespace.lock.level: keeps autoscale from changing the messaging units (found "ReadOnly"). Set it to CanNotDelete, or remove autoscale',
    ],
  ],
];

describe("units, logs and alerts that Azure would refuse, refused before anything is registered", () => {
  it.each(refused)("%s", (_, namespace, lines) => {
    const args = { namespace, queues: { renders: {} } } as ServiceBusEntitiesArgs;
    expect(serviceBusProblems(args, REGIONS.first).map(formatProblem)).toEqual(lines);
  });
});
