import * as monitor from "@pulumi/azure-native/monitor";
import type * as pulumi from "@pulumi/pulumi";
import { iso8601 } from "../duration.js";
import type { AlertArgs, NamespaceAlertsArgs } from "../namespaceArgs.js";
import type { Site } from "./site.js";

export const DEFAULT_WINDOW_SECONDS = 300;
export const DEFAULT_EVERY_SECONDS = 60;
const DEFAULT_SEVERITY = 2;

/** An alert that there can be, and the metric behind it. */
interface AlertKind {
  key: Exclude<keyof NamespaceAlertsArgs, "actionGroupIds">;
  metricName: string;
  timeAggregation: "Maximum" | "Average" | "Total";
  description: string;
}

/** Source: the service's metrics and what each can be aggregated by. */
export const ALERTS: AlertKind[] = [
  {
    key: "deadLetters",
    metricName: "DeadletteredMessages",
    timeAggregation: "Maximum",
    description: "Messages were dead-lettered: each needs somebody to look at it.",
  },
  {
    key: "activeMessages",
    metricName: "ActiveMessages",
    timeAggregation: "Average",
    description: "Messages wait for a receiver: receivers are too few, too slow or stopped.",
  },
  {
    key: "throttledRequests",
    metricName: "ThrottledRequests",
    timeAggregation: "Total",
    description: "Requests are throttled: the namespace has too little capacity.",
  },
  {
    key: "serverErrors",
    metricName: "ServerErrors",
    timeAggregation: "Total",
    description: "Requests fail by an error of the service itself.",
  },
];

/** An alert's properties, as Azure takes them. */
export function alertProperties(
  kind: AlertKind,
  args: AlertArgs,
  actionGroupIds: pulumi.Input<string>[],
): Omit<monitor.MetricAlertArgs, "resourceGroupName" | "scopes"> {
  return {
    // Alert rules lie in no region.
    location: "global",
    description: kind.description,
    enabled: true,
    autoMitigate: true,
    severity: args.severity ?? DEFAULT_SEVERITY,
    windowSize: iso8601(args.windowSeconds ?? DEFAULT_WINDOW_SECONDS),
    evaluationFrequency: iso8601(args.everySeconds ?? DEFAULT_EVERY_SECONDS),
    criteria: {
      odataType: "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
      allOf: [
        {
          criterionType: "StaticThresholdCriterion",
          name: kind.key,
          metricNamespace: "Microsoft.ServiceBus/namespaces",
          metricName: kind.metricName,
          timeAggregation: kind.timeAggregation,
          operator: "GreaterThan",
          threshold: args.threshold,
          // By entity: the sum over all of them would hide the one that is stuck.
          dimensions: [{ name: "EntityName", operator: "Include", values: args.entities ?? ["*"] }],
        },
      ],
    },
    actions: actionGroupIds.map((actionGroupId) => ({ actionGroupId })),
  };
}

/** Registers the alerts on a namespace's metrics. */
export function registerAlerts(
  site: Site,
  namespaceId: pulumi.Output<string>,
  { actionGroupIds, ...alerts }: NamespaceAlertsArgs,
): void {
  for (const kind of ALERTS) {
    const args = alerts[kind.key];
    if (args === undefined) continue;
    new monitor.MetricAlert(
      `${site.name}-${kind.key}`,
      {
        resourceGroupName: site.resourceGroupName,
        scopes: [namespaceId],
        ...alertProperties(kind, args, actionGroupIds),
        ...site.tagged,
      },
      { parent: site.parent },
    );
  }
}
