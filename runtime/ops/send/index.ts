import type { ServiceBusMessage, ServiceBusMessageBatch, ServiceBusSender } from "@azure/service-bus";
import { errorCode, errorText } from "../../bus/errors.js";
import { StowageError } from "../../contract/index.js";
import type { Pacer } from "../concurrency.js";
import { isRefusal } from "../refusal.js";
import { LineError, linesOf } from "./lines.js";
import { type LineDefaults, readLine } from "./outgoing.js";

export { LineError, linesOf } from "./lines.js";
export { type LineDefaults, type MessageLine, outgoing, readLine } from "./outgoing.js";

/** The part of the client's sender that is used. */
export type BatchSender = Pick<ServiceBusSender, "createMessageBatch" | "sendMessages">;

/** A message and the line that it comes from. */
export interface NumberedMessage {
  line: number;
  message: ServiceBusMessage;
  /** Bytes of the input up to the end of its line. */
  bytes: number;
}

/** How far a file was sent. */
export interface Sent {
  /** Messages that the entity accepted. */
  accepted: number;
  /** The last line whose message, with all before it, was accepted; 0 for none. */
  lastLine: number;
}

export interface SendOptions {
  sender: BatchSender;
  pacer: Pacer;
  signal: AbortSignal;
  /** Told after each batch. */
  onProgress(sent: Sent, bytes: number): void;
}

/** Messages of one batch at most; the service takes 4,500. */
const BATCH_MESSAGES = 500;
/**
 * The messages of a file, one a line, from a line on; empty lines are passed over.
 * @param mostBytes of one line
 * @throws LineError for the first line that is no message
 */
export async function* messagesOf(
  input: AsyncIterable<Uint8Array>,
  { defaults, fromLine, mostBytes }: { defaults: LineDefaults; fromLine: number; mostBytes: number },
): AsyncGenerator<NumberedMessage> {
  for await (const { number, text, bytes } of linesOf(input, mostBytes)) {
    if (number < fromLine || text.trim() === "") continue;
    const message = readLine(text, number, defaults);
    if (typeof message === "string") throw new LineError(number, message);
    yield { line: number, message, bytes };
  }
}

/** A batch that is being filled. */
interface Filling {
  batch: ServiceBusMessageBatch;
  messages: NumberedMessage[];
}

/** Sends messages in their order, a batch at a time; one batch is held. `sent` says how far it came, also after a throw. */
export class LineSender {
  readonly sent: Sent = { accepted: 0, lastLine: 0 };

  constructor(private readonly options: SendOptions) {}

  /**
   * Ends early, without an error, where the signal fires.
   * @throws StowageError `MessageRefused` with the line that the entity does not take; `SendUncertain` with the lines that
   * it may or may not have taken; LineError from the input. All before them were accepted.
   */
  async send(messages: AsyncIterable<NumberedMessage>): Promise<Sent> {
    const { signal } = this.options;
    let filling: Filling | undefined;
    try {
      for await (const entry of messages) {
        if (signal.aborted) return this.sent;
        filling ??= await this.empty();
        if (filling.messages.length >= BATCH_MESSAGES || !filling.batch.tryAddMessage(entry.message)) {
          await this.flush(filling);
          filling = await this.empty();
          if (!filling.batch.tryAddMessage(entry.message))
            throw new StowageError(
              "MessageRefused",
              `line ${entry.line}: the message is larger than the entity takes, ${filling.batch.maxSizeInBytes} bytes.`,
            );
        }
        filling.messages.push(entry);
      }
    } catch (error) {
      // What stands before a line that is wrong is sent, so that one number says how far it came.
      if (error instanceof LineError && filling !== undefined && !signal.aborted) await this.flush(filling);
      throw error;
    }
    if (filling !== undefined && !signal.aborted) await this.flush(filling);
    return this.sent;
  }

  private async empty(): Promise<Filling> {
    return { batch: await this.options.sender.createMessageBatch(), messages: [] };
  }

  private async flush({ batch, messages }: Filling): Promise<void> {
    if (messages.length === 0) return;
    const { pacer, signal, sender } = this.options;
    await pacer.turn(signal, messages.length);
    if (signal.aborted) return;
    try {
      await sender.sendMessages(batch);
    } catch (error) {
      if (!isRefusal(error)) throw uncertain(messages, error);
      // A batch is taken whole or not at all. One by one it shows which message is the one; and a partitioned entity takes
      // no batch of several partition keys.
      for (const entry of messages) await this.single(entry);
      return;
    }
    this.count(messages);
  }

  private async single(entry: NumberedMessage): Promise<void> {
    try {
      await this.options.sender.sendMessages(entry.message);
    } catch (error) {
      if (!isRefusal(error)) throw uncertain([entry], error);
      throw new StowageError(
        "MessageRefused",
        `line ${entry.line}: the entity does not take the message (${errorCode(error)}): ${errorText(error)}`,
        { cause: error },
      );
    }
    this.count([entry]);
  }

  private count(messages: NumberedMessage[]): void {
    const last = messages.at(-1);
    if (last === undefined) return;
    this.sent.accepted += messages.length;
    this.sent.lastLine = last.line;
    this.options.onProgress(this.sent, last.bytes);
  }
}

/** An error that leaves open whether the messages were taken. */
function uncertain(messages: NumberedMessage[], error: unknown): StowageError {
  const [first, last] = [messages[0]?.line ?? 0, messages.at(-1)?.line ?? 0];
  const lines = first === last ? `Line ${first}` : `Lines ${first} to ${last}`;
  return new StowageError(
    "SendUncertain",
    `${lines}: no answer (${errorCode(error)}: ${errorText(error)}). The entity may have taken them or not. Go on with ` +
      `--from-line ${first}: their ids are the same, by which duplicate detection and every sink of Stowage know them.`,
    { cause: error },
  );
}
