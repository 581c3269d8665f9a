import { AuditDestination, type AuditSettings } from "./auditSettings.js";
import { DelayedRetry } from "./delivery.js";
import type { Pipeline } from "./pipeline.js";
import { type Problem, problem } from "./problems.js";
import { tableProblems } from "./tableRules.js";

/** The rules that join several settings of a pipeline; they are checked once each setting is right by itself. */
export function joinedRules(p: Pipeline): Problem[] {
  const found: Problem[] = [];
  const { queue, topic, subscription } = p.source;
  if ((queue === undefined) === (topic === undefined))
    found.push(problem("source", p.source, "must have either queue or topic", "Name one source entity"));
  if ((topic === undefined) !== (subscription === undefined))
    found.push(
      problem("source.subscription", subscription, "goes with topic, and only with it", "Give both or neither"),
    );
  const sinks = Object.keys(p.sink);
  if (sinks.length !== 1)
    found.push(
      problem(
        "sink",
        sinks,
        "must have exactly one of gluster, linstor, cassandra, module",
        "Keep one; make a pipeline for each other",
      ),
    );
  const { delivery: d } = p;
  if (d.retryMaxMilliseconds < d.retryBaseMilliseconds)
    found.push(
      problem(
        "delivery.retryMaxMilliseconds",
        d.retryMaxMilliseconds,
        `must be at least retryBaseMilliseconds, ${d.retryBaseMilliseconds}`,
        "Raise it",
      ),
    );
  found.push(...deliveryRules(p));
  const job = p.sink.gluster?.job;
  if (job !== undefined && (job.command === undefined) === (job.module === undefined))
    found.push(problem("sink.gluster.job", job, "must have either command or module", "Give one of the two"));
  if (job !== undefined && job.timeoutSeconds > d.maxProcessingSeconds)
    found.push(
      problem(
        "sink.gluster.job.timeoutSeconds",
        job.timeoutSeconds,
        `must be at most delivery.maxProcessingSeconds, ${d.maxProcessingSeconds}, after which the lock is given up`,
        "Lower it, or raise maxProcessingSeconds",
      ),
    );
  if (p.sink.linstor !== undefined && !p.source.sessions)
    found.push(
      problem(
        "source.sessions",
        false,
        "must be true for LINSTOR: commands on one volume share a session",
        "Use a queue with requiresSession",
      ),
    );
  if (p.sink.linstor !== undefined && p.sink.linstor.readyTimeoutSeconds > d.maxProcessingSeconds)
    found.push(
      problem(
        "sink.linstor.readyTimeoutSeconds",
        p.sink.linstor.readyTimeoutSeconds,
        `must be at most delivery.maxProcessingSeconds, ${d.maxProcessingSeconds}`,
        "Lower it, or raise maxProcessingSeconds",
      ),
    );
  for (const key of ["storagePool", "replicasOnDifferent"] as const)
    if (p.sink.linstor?.[key] !== undefined && p.sink.linstor.placeCount === undefined)
      found.push(
        problem(
          `sink.linstor.${key}`,
          p.sink.linstor[key],
          "goes with placeCount: it only serves to create a missing resource group",
          "Give placeCount as well, or remove it",
        ),
      );
  if (p.sink.cassandra !== undefined) found.push(...tableProblems(p.sink.cassandra.table, "sink.cassandra.table"));
  if (p.audit !== undefined) found.push(...auditRules(p.audit));
  return found;
}

/** What the entity allows of the delivery's limits. */
function deliveryRules({ source, delivery: d }: Pipeline): Problem[] {
  const found: Problem[] = [];
  if (source.maxDeliveryCount <= d.expectedRestarts)
    found.push(
      problem(
        "source.maxDeliveryCount",
        source.maxDeliveryCount,
        `must be greater than delivery.expectedRestarts, ${d.expectedRestarts}: each restart that hits a message may cost ` +
          `it one delivery, and its ${d.attempts} attempts need one more`,
        "Raise the entity's maxDeliveryCount, or lower expectedRestarts",
      ),
    );
  if (d.noProgressSeconds <= 2 * source.lockDurationSeconds)
    found.push(
      problem(
        "delivery.noProgressSeconds",
        d.noProgressSeconds,
        `must be more than two lock durations, ${2 * source.lockDurationSeconds}: sooner, messages that another worker ` +
          "holds cannot be told from a receiver that stands still",
        "Raise it, or shorten the entity's lock",
      ),
    );
  if (d.client.maxRetryDelayMilliseconds < d.client.retryDelayMilliseconds)
    found.push(
      problem(
        "delivery.client.maxRetryDelayMilliseconds",
        d.client.maxRetryDelayMilliseconds,
        `must be at least retryDelayMilliseconds, ${d.client.retryDelayMilliseconds}`,
        "Raise it",
      ),
    );
  if (d.delayedRetry === DelayedRetry.Schedule && (source.sessions || source.queue === undefined))
    found.push(
      problem(
        "delivery.delayedRetry",
        d.delayedRetry,
        source.sessions
          ? "is not for sessions: the copy would come after the messages behind it"
          : "is for queues only: a copy sent to the topic would reach every subscription",
        "Use hold",
      ),
    );
  return found;
}

function auditRules({ destination, directory }: AuditSettings): Problem[] {
  if ((destination === AuditDestination.File) === (directory !== undefined)) return [];
  return [
    problem("audit.directory", directory, "goes with the destination file, and only with it", "Give both or neither"),
  ];
}
