import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as core from "@pulumi/kubernetes/core/v1";
import * as pulumi from "@pulumi/pulumi";
import type { WorkerArgs } from "./args.js";
import {
  alertsSpec,
  dashboard,
  INTERVAL_SECONDS,
  type MonitoredPipeline,
  messageAgeSpec,
  podMonitorSpec,
  type RuleGroups,
} from "./monitoring/index.js";
import type { WorkerDashboardArgs, WorkerMonitoringArgs } from "./monitoringArgs.js";
import { objectLabels } from "./render.js";

/** Label by which the charts of Grafana let its sidecar find dashboards. */
const SIDECAR_LABELS = { grafana_dashboard: "1" };

/** What the expressions on a worker are about, once its namespace is known. */
export function monitoredPipeline(args: WorkerArgs, namespace: string): MonitoredPipeline {
  const { pipeline, connection, autoscaling, replicas, monitoring } = args;
  return {
    namespace,
    pipeline,
    intervalSeconds: monitoring?.intervalSeconds ?? INTERVAL_SECONDS,
    identity: connection.developmentEmulator !== true,
    mayBeEmpty: (autoscaling === undefined ? replicas : autoscaling.minReplicas) === 0,
  };
}

/** Registers the monitor, the alerts and the dashboard, where somebody reads the metrics. */
export function registerMonitoring(parent: pulumi.Resource, name: string, args: WorkerArgs): void {
  const { monitoring, pipeline } = args;
  if (monitoring === undefined) return;
  const labels = { ...monitoring.labels, ...objectLabels(pipeline) };
  const object = (suffix: string, kind: string, objectName: string, spec: pulumi.Input<object>) =>
    new apiextensions.CustomResource(
      `${name}-${suffix}`,
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind,
        metadata: { name: objectName, namespace: args.namespace, labels },
        spec,
      },
      { parent },
    );
  const rules = (spec: (of: MonitoredPipeline, monitoring: WorkerMonitoringArgs) => RuleGroups) =>
    pulumi.output(args.namespace).apply((namespace) => spec(monitoredPipeline(args, namespace), monitoring));
  object("monitor", "PodMonitor", pipeline.name, podMonitorSpec(args, monitoring));
  if (monitoring.messageAge !== undefined) object("age", "PrometheusRule", pipeline.name, rules(messageAgeSpec));
  // No pipeline has a dot in its name, so that none of these names is ever another's.
  if (monitoring.alerts !== undefined) object("alerts", "PrometheusRule", `${pipeline.name}.alerts`, rules(alertsSpec));
  if (monitoring.dashboard !== undefined) registerDashboard(parent, name, args, monitoring.dashboard);
}

function registerDashboard(
  parent: pulumi.Resource,
  name: string,
  args: WorkerArgs,
  { labels = SIDECAR_LABELS, annotations, namespace }: WorkerDashboardArgs,
): void {
  const { pipeline } = args;
  const full = pulumi.interpolate`${args.namespace}.${pipeline.name}`;
  const data = pulumi.all([full, args.namespace]).apply(([file, of]) => ({
    // The sidecar puts the files of all namespaces into one folder.
    [`${file}.json`]: JSON.stringify(dashboard(monitoredPipeline(args, of))),
  }));
  new core.ConfigMap(
    `${name}-dashboard`,
    {
      metadata: {
        name: namespace === undefined ? `${pipeline.name}.dashboard` : pulumi.interpolate`${full}.dashboard`,
        namespace: namespace ?? args.namespace,
        labels: { ...labels, ...objectLabels(pipeline) },
        ...(annotations === undefined ? {} : { annotations }),
      },
      data,
    },
    { parent },
  );
}
