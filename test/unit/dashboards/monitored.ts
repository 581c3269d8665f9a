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

/** One of every kind whose panels differ: without sessions, with them, and into a ring. */
export function monitoredKinds(): MonitoredPipeline[] {
  return [monitoredWith(false), monitoredWith(true), monitoredWith(false, { sink: sinks.cassandra })];
}

/** Every expression of a dashboard, with the panel it is in. */
export function panelExpressions(of: MonitoredPipeline): { panel: string; expr: string }[] {
  return panelRows(of).flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ panel: title, expr }))),
  );
}
