import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import type * as pulumi from "@pulumi/pulumi";
import { CassandraMonitorGroup, type CassandraRingArgs } from "./args.js";
import { cleanName, LABELS } from "./names.js";

/** Seconds between two readings where nobody says. */
const INTERVAL_SECONDS = 30;

/** Registers a PodMonitor of the ring's nodes, where somebody reads their metrics. */
export function registerMonitor(
  parent: pulumi.Resource,
  name: string,
  { monitoring, clusterName, namespace }: CassandraRingArgs,
): void {
  if (monitoring === undefined) return;
  const { intervalSeconds = INTERVAL_SECONDS, apiGroup = CassandraMonitorGroup.Prometheus } = monitoring;
  new apiextensions.CustomResource(
    `${name}-monitor`,
    {
      apiVersion: `${apiGroup}/v1`,
      kind: "PodMonitor",
      metadata: { name: `${cleanName(clusterName)}-nodes`, namespace, labels: { ...monitoring.labels, ...LABELS } },
      spec: {
        // The operator's own label: the cluster's name, all of whose characters a label takes.
        selector: { matchLabels: { "cassandra.datastax.com/cluster": clusterName } },
        podMetricsEndpoints: [{ port: "metrics", path: "/metrics", interval: `${intervalSeconds}s` }],
        podTargetLabels: ["cassandra.datastax.com/datacenter", "cassandra.datastax.com/rack"],
      },
    },
    { parent },
  );
}
