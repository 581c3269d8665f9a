import * as monitor from "@pulumi/azure-native/monitor";
import type * as inputs from "@pulumi/azure-native/types/input.js";
import type * as pulumi from "@pulumi/pulumi";
import { iso8601 } from "../duration.js";
import type { AutoscaleArgs } from "../namespaceArgs.js";
import type { Site } from "./site.js";

/** What autoscaling does where nothing is said. The loads are those of Azure's own documentation. */
export const AUTOSCALE_DEFAULTS = {
  scaleOutPercent: 75,
  scaleInPercent: 25,
  windowSeconds: 600,
  cooldownSeconds: 300,
} satisfies Partial<AutoscaleArgs>;

/** The one profile of an autoscale setting. */
type AutoscaleProfile = inputs.monitor.AutoscaleProfileArgs & {
  capacity: { minimum: string; maximum: string; default: string };
};

/** An autoscale setting's profiles, as Azure takes them; `units` are those that the namespace is made with. */
export function autoscaleProfiles(
  args: AutoscaleArgs,
  units: number,
  namespaceId: pulumi.Input<string>,
): [AutoscaleProfile] {
  const { minUnits, maxUnits, ...rule } = { ...AUTOSCALE_DEFAULTS, ...args };
  const step = (direction: "Increase" | "Decrease", threshold: number) => ({
    metricTrigger: {
      metricName: "NamespaceCpuUsage",
      metricNamespace: "Microsoft.ServiceBus/namespaces",
      metricResourceUri: namespaceId,
      operator: direction === "Increase" ? ("GreaterThan" as const) : ("LessThan" as const),
      threshold,
      // Of replicas the busiest counts; over time, the mean.
      statistic: "Max" as const,
      timeAggregation: "Average" as const,
      timeGrain: "PT1M",
      timeWindow: iso8601(rule.windowSeconds),
    },
    // Messaging units have steps of their own: one more than 2 is 4.
    scaleAction: {
      direction,
      type: "ServiceAllowedNextValue" as const,
      value: "1",
      cooldown: iso8601(rule.cooldownSeconds),
    },
  });
  return [
    {
      name: "load",
      capacity: { minimum: `${minUnits}`, maximum: `${maxUnits}`, default: `${units}` },
      rules: [step("Increase", rule.scaleOutPercent), step("Decrease", rule.scaleInPercent)],
    },
  ];
}

/** Registers the autoscaling of a namespace's messaging units. */
export function registerAutoscale(
  site: Site,
  namespaceId: pulumi.Output<string>,
  args: AutoscaleArgs,
  units: number,
): void {
  new monitor.AutoscaleSetting(
    site.name,
    {
      resourceGroupName: site.resourceGroupName,
      location: site.location,
      enabled: true,
      targetResourceUri: namespaceId,
      profiles: autoscaleProfiles(args, units, namespaceId),
      ...site.tagged,
    },
    { parent: site.parent },
  );
}
