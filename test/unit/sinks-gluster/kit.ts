import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GlusterSink, Outcome, Sink, SinkMessage } from "../../../runtime/contract/index.js";
import { messageKey, sha256 } from "../../../runtime/contract/index.js";
import { Layout } from "../../../runtime/sinks/gluster/layout.js";
import { GlusterJobSink } from "../../../runtime/sinks/gluster/sink.js";
import { ResultStore } from "../../../runtime/sinks/gluster/store.js";
import { createVolumeFolder } from "../../../stacks/local/gluster/index.js";
import { sinkContext } from "../../support/sinkContext.js";

/** A folder of a test's own, removed at its end. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "stowage-gluster-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Settings of a sink on a folder; the job is a program for `node -e`, or a command. */
export function settingsOf(
  mountPath: string,
  job: string | string[],
  change: Partial<GlusterSink["job"]> = {},
): GlusterSink {
  const command = typeof job === "string" ? [process.execPath, "-e", job] : job;
  return {
    volume: "results",
    mountPath,
    directory: "renders",
    job: { command, timeoutSeconds: 10, maxOutputBytes: 1_000_000, ...change },
  };
}

/** A started sink on a fresh volume folder. */
export async function sinkOn(
  path: string,
  settings: GlusterSink,
  options: { worker?: string; now?: () => Date; environment?: { [name: string]: string } } = {},
): Promise<GlusterJobSink> {
  await createVolumeFolder(path, settings.volume);
  const sink = new GlusterJobSink({
    pipeline: "renders",
    settings,
    attempts: 3,
    worker: options.worker ?? "worker-0",
    environment: options.environment ?? process.env,
    store: new ResultStore(new Layout(path, settings.directory), options.now ?? (() => new Date())),
  });
  await sink.start();
  return sink;
}

/** A message as the engine gives it. */
export function messageOf(messageId: string, body: string, change: Partial<SinkMessage> = {}): SinkMessage {
  const bytes = Buffer.from(body);
  return {
    key: messageKey("renders", messageId),
    entity: "renders",
    messageId,
    body: bytes,
    bodySha256: sha256(bytes),
    properties: {},
    enqueuedTime: new Date(1_700_000_000_000),
    sequenceNumber: "42",
    deliveryCount: 1,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    ...change,
  };
}

/** The outcome for one message. */
export async function outcomeOf(
  sink: Sink,
  message: SinkMessage,
  context: { signal?: AbortSignal; attempt?: number } = {},
): Promise<Outcome | undefined> {
  const signal = context.signal ?? new AbortController().signal;
  const [outcome] = await sink.process([message], sinkContext(signal, context.attempt));
  return outcome;
}
