import {
  formatProblem,
  PoisonReason,
  type SinkMessage,
  shown,
  type VolumeAction,
  type VolumeCommand,
  volumeCommandProblems,
} from "../../contract/index.js";
import { commandKey } from "./history.js";

/** A command message once it is read. */
export interface Command {
  action: VolumeAction;
  /** The name as the command writes it; LINSTOR compares it without case. */
  volume: string;
  sizeKib?: number;
  replicas?: number;
  snapshot?: string;
  node?: string;
  messageId: string;
  /** SHA-256 of entity and message id, 64 hexadecimal digits. */
  key: string;
  bodySha256: string;
  traceId: string;
}

/** Why a message is no command. */
export interface Poisoned {
  reason: PoisonReason;
  description: string;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The command in a message, or why there is none: every problem at once. `maxSizeKib` bounds its size. */
export function readCommand(message: SinkMessage, maxSizeKib: number): Command | Poisoned {
  let body: unknown;
  try {
    body = JSON.parse(utf8.decode(message.body));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { reason: PoisonReason.InvalidBody, description: `The body is not JSON in UTF-8: ${reason}` };
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return {
      reason: PoisonReason.InvalidBody,
      description: `The body must be a JSON object with action and volume (found ${shown(body)}).`,
    };
  const problems = volumeCommandProblems(body);
  if (problems.length > 0)
    return { reason: PoisonReason.InvalidValue, description: problems.map(formatProblem).join(" ") };
  const command = body as VolumeCommand;
  if (command.sizeKib !== undefined && command.sizeKib > maxSizeKib)
    return {
      reason: PoisonReason.InvalidValue,
      description:
        `sizeKib: must be at most ${maxSizeKib} KiB, the pipeline's maxSizeKib (found ${command.sizeKib}). ` +
        "Ask for less, or raise the pipeline's limit.",
    };
  if (message.sessionId?.toLowerCase() !== command.volume.toLowerCase())
    return {
      reason: PoisonReason.InvalidValue,
      description:
        `The session id must be the name of the volume, ${shown(command.volume)}, so that its commands keep their ` +
        `order (found ${message.sessionId === undefined ? "none" : shown(message.sessionId)}). ` +
        "Send it with sessionId set to volume.",
    };
  return {
    ...command,
    messageId: message.messageId,
    key: commandKey(message.key),
    bodySha256: message.bodySha256,
    traceId: message.traceId,
  };
}
