import {
  type LinstorSink as LinstorSettings,
  type Outcome,
  PoisonReason,
  type Reply,
  RetryCode,
  type Sink,
  type SinkContext,
  type SinkMessage,
  type StoreInfo,
  StowageError,
  VolumeAction,
  type VolumeReply,
  VolumeResult,
} from "../../contract/index.js";
import type { LinstorApi } from "./api.js";
import { type Command, readCommand } from "./command.js";
import { LinstorFailure } from "./errors.js";
import { execute } from "./executor.js";
import { ensureGroup } from "./group.js";
import { HistoryUnreadable } from "./history.js";
import { measured } from "./measured.js";
import type { Writer } from "./properties.js";
import { Retention } from "./retention.js";

export interface LinstorSinkOptions {
  api: LinstorApi;
  settings: LinstorSettings;
  writer: Writer;
  now: () => Date;
}

/** Time limit of a probe, in milliseconds. */
const PROBE_LIMIT_MS = 5_000;
/** LINSTOR's words in a poison's description are cut here; the broker keeps 4,096 characters. */
const DESCRIPTION_LENGTH = 2_048;
/** What is not ready is tried again after so many milliseconds, or after `readyTimeoutSeconds` where that is less. */
const NOT_READY_DELAY_MS = 10_000;

/** Executes volume commands on LINSTOR, each once, and answers when the volume is ready. */
export class LinstorCommandSink implements Sink {
  /** Commands of one volume come one after another, in their session. */
  readonly batching = { maxMessages: 1, maxWaitMilliseconds: 0 };
  private readonly end = new AbortController();

  private readonly retention: Retention;

  constructor(private readonly options: LinstorSinkOptions) {
    this.retention = new Retention(options.api, options.now);
  }

  /** Finds the resource group, or makes it where the pipeline says how; throws `ResourceGroupMissing` otherwise. */
  async start(signal: AbortSignal): Promise<void> {
    const { api, settings } = this.options;
    await ensureGroup(api, settings, AbortSignal.any([signal, this.end.signal]));
  }

  async probe(): Promise<void> {
    await this.options.api.version(AbortSignal.any([AbortSignal.timeout(PROBE_LIMIT_MS), this.end.signal]));
  }

  async info(): Promise<StoreInfo> {
    const signal = AbortSignal.any([AbortSignal.timeout(PROBE_LIMIT_MS), this.end.signal]);
    const { api } = this.options;
    const [version, nodes] = await Promise.all([api.version(signal), api.nodes(signal)]);
    const online = nodes.filter((node) => node.online).length;
    return { version: `LINSTOR ${version}, ${online} of ${nodes.length} satellites online` };
  }

  async stop(): Promise<void> {
    this.end.abort();
  }

  /** Commands of one volume are executed in the order given, those of different volumes at the same time. */
  async process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]> {
    const signal = AbortSignal.any([context.signal, this.end.signal]);
    const outcomes: Outcome[] = [];
    const turns = new Map<string, Promise<boolean>>();
    await Promise.all(
      batch.map((message, i) => {
        const session = message.sessionId?.toLowerCase() ?? `\n${i}`;
        const turn = (turns.get(session) ?? Promise.resolve(true)).then(async (clear) => {
          const outcome = clear ? await this.one(message, context, signal) : behind(session);
          outcomes[i] = outcome;
          return outcome.kind !== "retry";
        });
        turns.set(session, turn);
        return turn;
      }),
    );
    return outcomes;
  }

  private async one(message: SinkMessage, { call }: SinkContext, signal: AbortSignal): Promise<Outcome> {
    const { settings, writer, now } = this.options;
    const api = measured(this.options.api.client, call);
    const command = readCommand(message, settings.maxSizeKib);
    if ("reason" in command) return { kind: "poison", ...command };
    const patience = { readyTimeoutMs: settings.readyTimeoutSeconds * 1000, pollMs: settings.pollMilliseconds };
    try {
      const context = { api, group: settings.resourceGroup, writer, patience, signal };
      const executed = await execute(context, command, this.retention, now);
      if (executed.kind === "reused")
        return {
          kind: "poison",
          reason: PoisonReason.MessageIdReused,
          description:
            `Message id ${command.messageId} came before with another body, for volume ${executed.volume}. ` +
            "Send a new command under a new message id.",
        };
      const { answer, duplicate } = executed;
      if (command.action === VolumeAction.Delete && !duplicate) await this.sweep(signal);
      const reply: VolumeReply = {
        command: command.messageId,
        action: command.action,
        volume: command.volume,
        duplicate,
        ...answer,
      };
      return answered(message, command, reply);
    } catch (error) {
      return failed(error, Math.min(patience.readyTimeoutMs, NOT_READY_DELAY_MS));
    }
  }

  /** The command is done by now: a sweep that fails is made up for by a later one. */
  private async sweep(signal: AbortSignal): Promise<void> {
    try {
      await this.retention.sweep(signal);
    } catch {
      return;
    }
  }
}

/** A refusal is an answer where somebody waits for one; where nobody does, the dead-letter queue has to tell. */
function answered(message: SinkMessage, command: Command, reply: VolumeReply): Outcome {
  const { replyTo, replyToSessionId } = message;
  const object = objectOf(command, reply.result);
  if (replyTo === undefined) {
    if (reply.result === VolumeResult.Done) return { kind: "done", duplicate: reply.duplicate, object };
    const description = `${command.action} of ${command.volume} was refused: ${reply.message}`;
    return { kind: "poison", reason: PoisonReason.StorageRefused, description: cut(description) };
  }
  const session = replyToSessionId === undefined ? {} : { sessionId: replyToSessionId };
  const sent: Reply = { queue: replyTo, kind: "outcome", body: reply, subject: `volume.${reply.action}`, ...session };
  return { kind: "done", duplicate: reply.duplicate, object, replies: [sent] };
}

/** `volume pvc-1, snapshot daily (snapshot, done)`: a refusal that is answered is an outcome like another. */
function objectOf({ action, volume, snapshot, node }: Command, result: VolumeResult): string {
  const part = snapshot === undefined ? (node === undefined ? "" : `, node ${node}`) : `, snapshot ${snapshot}`;
  return `volume ${volume}${part} (${action}, ${result})`;
}

function behind(session: string): Outcome {
  return {
    kind: "retry",
    code: RetryCode.NotReady,
    description: `An earlier command on ${session} has to be tried again first`,
  };
}

function failed(error: unknown, notReadyDelayMs: number): Outcome {
  if (error instanceof HistoryUnreadable)
    return { kind: "poison", reason: PoisonReason.StorageRefused, description: cut(error.message) };
  const description = cut(error instanceof Error ? error.message : String(error));
  const code = retryCode(error);
  return code === RetryCode.NotReady
    ? { kind: "retry", code, description, delayMilliseconds: notReadyDelayMs }
    : { kind: "retry", code, description };
}

function retryCode(error: unknown): RetryCode {
  if (error instanceof LinstorFailure) return RetryCode.NotReady;
  const code = error instanceof StowageError ? error.code : undefined;
  return Object.values(RetryCode).find((known) => known === code) ?? RetryCode.StoreUnavailable;
}

function cut(text: string): string {
  return text.length > DESCRIPTION_LENGTH ? `${text.slice(0, DESCRIPTION_LENGTH - 1)}…` : text;
}
