import { type MonitoredPipeline, panelRows } from "../../../components/worker/monitoring/index.js";
import { AUDIT_DEFAULTS, type Pipeline } from "../../../runtime/contract/index.js";
import { pipelineTo, sinks } from "../support/pipelines.js";

/** A pipeline of which everything is monitored: identity, audit, replies and counts; sessions where it is asked. */
export function monitoredWith(sessions: boolean, changed: Partial<Pipeline> = {}): MonitoredPipeline {
  const pipeline = pipelineTo(sessions ? "linstor" : "gluster", {
    replyQueues: ["answers"],
    audit: { destination: "stdout", ...AUDIT_DEFAULTS },
    observe: true,
    ...changed,
  });
  return { namespace: "stowage", pipeline, intervalSeconds: 30, identity: true, mayBeEmpty: false };
}

/** A pipeline into a ring, of which everything is monitored: it has every alert. */
export function monitoredRing(): MonitoredPipeline {
  return monitoredWith(false, { sink: sinks.cassandra });
}

/** One of every kind whose panels differ: into a ring, without sessions and with them. */
export function monitoredKinds(): MonitoredPipeline[] {
  return [monitoredRing(), monitoredWith(false), monitoredWith(true)];
}

/** Every expression of a dashboard, with the panel it is in. */
export function panelExpressions(of: MonitoredPipeline): { panel: string; expr: string }[] {
  return panelRows(of).flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ panel: title, expr }))),
  );
}
