import { randomUUID } from "node:crypto";
import type { ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import {
  defined,
  InvalidInputError,
  type Pipeline,
  problem,
  ServiceBusLimits,
  StowageError,
  sha256,
} from "../contract/index.js";
import { bodyOf, type Draft, defaultContentType, defaultSession, draftProblems } from "./drafts.js";
import type { PropertyValue } from "./signedPart.js";
import { Signer, type SignOptions } from "./signer.js";
import { traceContext } from "./traceContext.js";

/** A sender of the official client for the pipeline's queue or topic, as far as it is used. */
export type MessageSender = Pick<ServiceBusSender, "createMessageBatch" | "sendMessages">;

/** What a producer is made of. */
export interface ProducerOptions {
  /** The contract: the same object that the components deployed. */
  pipeline: Pipeline;
  /** `client.createSender(producerEntity(pipeline))`; needed for `send` alone. */
  sender?: MessageSender;
  /** Signs each message. @default none is signed */
  sign?: SignOptions;
}

/** Makes messages that fit one pipeline, and sends them. */
export interface Producer {
  /**
   * The message that the official client sends: with message id, partition key, session, content type, the trace context
   * that is active, and where it signs, the signature. Rejects with an InvalidInputError for what the worker would refuse
   * for ever.
   */
  message(draft: Draft): Promise<ServiceBusMessage>;
  /**
   * Sends the drafts, each as a message, in batches of one session or partition key, in their order within it. Rejects
   * with the client's error where a batch was not taken; batches before it were. A second try under the same message ids
   * changes nothing that is done.
   */
  send(drafts: Draft | readonly Draft[], options?: { abortSignal?: AbortSignal }): Promise<void>;
}

/** The queue or topic that messages of a pipeline are sent to. */
export function producerEntity({ source }: Pipeline): string {
  return source.topic ?? source.queue ?? "";
}

/** Makes a producer. One for each pipeline in a process is enough: its key is made once, its token got anew in time. */
export function createProducer(options: ProducerOptions): Producer {
  const { pipeline, sender, sign } = options;
  let signer: Promise<Signer> | undefined;
  const message = async (draft: Draft): Promise<ServiceBusMessage> => {
    const unsigned = await unsignedMessage(pipeline, draft);
    if (sign === undefined) return unsigned.message;
    signer ??= Signer.create(sign);
    return signed(pipeline, unsigned, await signer);
  };
  return {
    message,
    send: async (drafts, sending = {}) => {
      if (sender === undefined) throw new Error("This producer was made without a sender: give createProducer one.");
      const all = "body" in drafts ? [drafts] : drafts;
      const messages: ServiceBusMessage[] = [];
      for (const draft of all) messages.push(await message(draft));
      for (const group of grouped(messages)) await sendGroup(sender, group, sending);
    },
  };
}

interface Unsigned {
  message: ServiceBusMessage & { messageId: string; correlationId?: string };
  bodySha256: string;
  properties: { [name: string]: PropertyValue };
}

async function unsignedMessage(pipeline: Pipeline, draft: Draft): Promise<Unsigned> {
  const { bytes } = bodyOf(draft.body);
  const contentType = draft.contentType ?? defaultContentType(pipeline, draft);
  const sessionId = draft.sessionId ?? defaultSession(pipeline, draft);
  const problems = draftProblems(pipeline, draft, sessionId);
  if (problems.length > 0) throw new InvalidInputError(`Invalid message for pipeline ${pipeline.name}`, problems);
  const messageId = draft.messageId ?? randomUUID();
  const properties = { ...traceContext(), ...draft.applicationProperties };
  const { subject, correlationId, replyTo, replyToSessionId, scheduledEnqueueTimeUtc, timeToLive } = draft;
  const rowKey = await rowPartitionKey(pipeline, draft, { messageId, sessionId, properties, contentType });
  // In a session the partition is the session's; and an entity takes no longer key than this.
  const fits = sessionId === undefined && rowKey !== undefined && rowKey.length <= ServiceBusLimits.idCharacters;
  const partitionKey = draft.partitionKey ?? (fits ? rowKey : undefined);
  const message = {
    body: bytes,
    messageId,
    contentType,
    ...defined({ sessionId, partitionKey, subject, correlationId, replyTo, replyToSessionId }),
    ...defined({ scheduledEnqueueTimeUtc, timeToLive }),
    applicationProperties: properties,
  };
  return { message, properties, bodySha256: sha256(bytes) };
}

/** The partition key of the row that the message becomes; undefined where the pipeline writes no rows. */
async function rowPartitionKey(
  pipeline: Pipeline,
  { body, subject, correlationId, ...draft }: Draft,
  envelope: {
    messageId: string;
    sessionId: string | undefined;
    properties: Unsigned["properties"];
    contentType: string;
  },
): Promise<string | undefined> {
  const table = pipeline.sink.cassandra?.table;
  if (table === undefined) return undefined;
  // Only here is anything of a sink needed; no driver is loaded.
  const [{ mapperOf }, { Unfit }] = await Promise.all([
    import("../sinks/cassandra/mapping.js"),
    import("../sinks/cassandra/unfit.js"),
  ]);
  try {
    const { messageId, properties, sessionId, contentType } = envelope;
    const partitionKey = sessionId === undefined ? draft.partitionKey : undefined;
    const { partitionKey: key } = mapperOf(table).row({
      ...{ messageId, properties, contentType, body: bodyOf(body).bytes },
      ...defined({ subject, correlationId, sessionId, partitionKey }),
      // The service's own time comes later; no key is made of it.
      enqueuedTime: new Date(),
    });
    return key;
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    throw new InvalidInputError(`Invalid message for pipeline ${pipeline.name}`, [
      problem(
        "body",
        undefined,
        `${error.reason}: ${error.message}`,
        "Correct the message; the worker would refuse it",
      ),
    ]);
  }
}

async function signed(
  pipeline: Pipeline,
  { message, properties, bodySha256 }: Unsigned,
  signer: Signer,
): Promise<ServiceBusMessage> {
  const { messageId, sessionId, partitionKey, contentType, subject, correlationId, replyTo, replyToSessionId } =
    message;
  const part = { messageId, sessionId, partitionKey, contentType, subject, correlationId, replyTo, replyToSessionId };
  const { signature, endsAt } = await signer.sign(
    { ...part, entity: producerEntity(pipeline), bodySha256 },
    properties,
  );
  const { scheduledEnqueueTimeUtc: due } = message;
  if (due !== undefined && due.getTime() > endsAt)
    throw new StowageError(
      "ScheduledBeyondToken",
      `The message ${JSON.stringify(messageId)} is to be enqueued at ${due.toISOString()}; the token that it is signed under ends at ` +
        `${new Date(endsAt).toISOString()}, and the worker would refuse it. Schedule it sooner, or ask for a longer token.`,
    );
  return { ...message, applicationProperties: { ...properties, ...signature } };
}

/** Messages of one session, or one partition key, keep their order and may share a batch; others may not. */
function grouped(messages: readonly ServiceBusMessage[]): ServiceBusMessage[][] {
  const groups = new Map<string, ServiceBusMessage[]>();
  for (const message of messages) {
    const { sessionId, partitionKey } = message;
    const key = JSON.stringify([sessionId ?? null, partitionKey ?? null]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [message]);
    else group.push(message);
  }
  return [...groups.values()];
}

async function sendGroup(
  sender: MessageSender,
  messages: readonly ServiceBusMessage[],
  options: { abortSignal?: AbortSignal },
): Promise<void> {
  let batch = await sender.createMessageBatch(options);
  for (const message of messages) {
    if (batch.tryAddMessage(message)) continue;
    if (batch.count > 0) {
      await sender.sendMessages(batch, options);
      batch = await sender.createMessageBatch(options);
      if (batch.tryAddMessage(message)) continue;
    }
    throw new StowageError(
      "MessageTooLarge",
      `The message ${JSON.stringify(message.messageId)} is larger than the entity takes: its body has ` +
        `${Buffer.byteLength(message.body)} bytes. Put the content where the worker can fetch it, or raise the entity's limit.`,
    );
  }
  if (batch.count > 0) await sender.sendMessages(batch, options);
}
