import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Counter, Gauge } from "prom-client";
import { systemClock } from "../../../runtime/bus/index.js";
import type { Outcome, SinkMessage } from "../../../runtime/contract/index.js";
import { AuditLog } from "../../../runtime/telemetry/audit/auditLog.js";
import { FileTarget } from "../../../runtime/telemetry/audit/fileTarget.js";
import { type AuditRecord, isRecord, readRecord } from "../../../runtime/telemetry/audit/record.js";
import type { AuditTarget } from "../../../runtime/telemetry/audit/target.js";
import { type FakeClock, sinkMessage } from "../bus/fakes.js";

export const DONE: Outcome = { kind: "done", duplicate: false, object: "renders/ab/cd.result" };

/** A folder of a test's own, and logs that write into it. */
export class AuditKit {
  readonly directory = mkdtempSync(join(tmpdir(), "stowage-audit-"));
  readonly metrics = {
    auditRecords: new Counter({ name: "stowage_audit_records_total", help: "records", registers: [] }),
    auditHead: new Gauge({
      ...{ name: "stowage_audit_head_info", help: "head", registers: [] },
      labelNames: ["sequence", "head"] as const,
    }),
  };
  /** Lines of the logs' logger. */
  readonly logged: { [field: string]: unknown }[] = [];
  private readonly logs: AuditLog[] = [];

  fileTarget(worker = "pod-1", maxFileBytes = 1024 * 1024, entity = "renders"): FileTarget {
    return new FileTarget({ directory: this.directory, pipeline: "renders", worker, entity, maxFileBytes });
  }

  log(options: { worker?: string; target?: AuditTarget; headEvery?: number; clock?: FakeClock } = {}): AuditLog {
    const { worker = "pod-1", target = this.fileTarget(worker), headEvery = 1_000, clock = systemClock } = options;
    const author = { worker, identity: "client-1", pipeline: "renders", entity: "renders", operation: "store-result" };
    const logger = pino({}, { write: (line: string) => void this.logged.push(JSON.parse(line)) });
    const log = new AuditLog({ author, target, headEvery, metrics: this.metrics, logger, clock });
    this.logs.push(log);
    return log;
  }

  async started(options: Parameters<AuditKit["log"]>[0] = {}): Promise<AuditLog> {
    const log = this.log(options);
    await log.start();
    return log;
  }

  /** Paths of the audit files, by name. */
  get files(): string[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith(".audit.jsonl"))
      .sort()
      .map((name) => join(this.directory, name));
  }

  /** A file beside the log's own. */
  write(name: string, content: string | Buffer): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  async close(): Promise<void> {
    await Promise.all(this.logs.map((log) => log.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Lines of a file, without what no line feed ends. */
export function linesIn(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

export function recordsIn(...paths: string[]): AuditRecord[] {
  return paths
    .flatMap(linesIn)
    .map(readRecord)
    .map((read) => {
      if (!isRecord(read)) throw new Error(`not a record: ${read}`);
      return read;
    });
}

/** Intent and outcome of messages, one after another. */
export async function work(log: AuditLog, ids: string[], outcome: Outcome = DONE): Promise<void> {
  for (const messageId of ids) {
    const message = sinkMessage({ messageId });
    await log.intent([message], 1);
    await log.outcomes([message], [outcome]);
  }
}

export function messageOf(messageId: string, change: Partial<SinkMessage> = {}): SinkMessage {
  return sinkMessage({ messageId, ...change });
}
