import {
  AuditDestination,
  type AuditSettings,
  type Connection,
  entityPath,
  type Pipeline,
  type SinkKind,
  sinkKind,
} from "../../contract/index.js";
import type { Logger } from "../logger.js";
import type { WorkerMetrics } from "../metrics.js";
import { type AuditClock, AuditLog } from "./auditLog.js";
import { FileTarget } from "./fileTarget.js";
import type { AuditAuthor } from "./recordWriter.js";
import { type AppendLines, StreamTarget } from "./streamTarget.js";
import type { AuditTarget } from "./target.js";

export { AuditLog };

/** What a worker's audit is made of. */
export interface AuditSetup {
  pipeline: Pipeline;
  connection: Connection;
  /** Name of the pod. */
  worker: string;
  metrics: Pick<WorkerMetrics, "auditRecords" | "auditHead">;
  logger: Logger;
  clock: AuditClock;
  /** Writes lines to standard output, in order with the log's. */
  append: AppendLines;
}

/** What each sink does for a message, as intents say it. */
const OPERATIONS: Readonly<Record<SinkKind, string>> = {
  gluster: "store-result",
  linstor: "execute-command",
  cassandra: "write-row",
  module: "module",
};

/**
 * Opens the pipeline's audit; undefined where it keeps none. Rejects with a StowageError `AuditUnavailable` where its
 * first record cannot be written.
 */
export async function openAudit(setup: AuditSetup): Promise<AuditLog | undefined> {
  const { pipeline, connection, worker, metrics, logger, clock } = setup;
  const { audit: settings, name } = pipeline;
  if (settings === undefined) return undefined;
  const { clientId } = connection.serviceBus;
  const author: AuditAuthor = {
    worker,
    ...(clientId === undefined ? {} : { identity: clientId }),
    pipeline: name,
    entity: entityPath(pipeline.source),
    operation: OPERATIONS[sinkKind(pipeline)],
  };
  const log: AuditLog = new AuditLog({
    author,
    target: targetOf(settings, author, setup.append, () => log.at),
    headEvery: settings.headEvery,
    metrics,
    logger,
    clock,
  });
  await log.start();
  return log;
}

function targetOf(
  settings: AuditSettings,
  { pipeline, worker, entity }: AuditAuthor,
  append: AppendLines,
  written: () => AuditLog["at"],
): AuditTarget {
  const { destination, directory, maxFileBytes } = settings;
  if (destination === AuditDestination.Stdout) return new StreamTarget(append, written);
  if (directory === undefined) throw new Error("A valid pipeline whose audit goes to files has a directory.");
  return new FileTarget({ directory, pipeline, worker, entity, maxFileBytes });
}
