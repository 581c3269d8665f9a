import { Buffer } from "node:buffer";
import {
  MessageFormat,
  type Pipeline,
  type Problem,
  problem,
  ServiceBusLimits,
  type VolumeCommand,
  volumeCommandProblems,
} from "../contract/index.js";
import type { PropertyValue } from "./signedPart.js";

/** A message as its producer thinks of it; what it leaves out follows from the pipeline. */
export interface Draft {
  /** An object goes as JSON, a text as UTF-8, bytes as they are. */
  body: object | string | Uint8Array;
  /** 1 to 128 characters; the same for every try at sending the same thing. @default a random UUID */
  messageId?: string;
  /** Needed where the entity has sessions. @default for LINSTOR the volume's name */
  sessionId?: string;
  /** @default for Cassandra what the table's partition key gives, where there is no session and it has at most 128 characters */
  partitionKey?: string;
  /**
   * @default application/json for an object, text/plain; charset=utf-8 for a text, application/octet-stream for bytes;
   * application/cloudevents+json for a whole event where the pipeline's table takes CloudEvents
   */
  contentType?: string;
  subject?: string;
  correlationId?: string;
  /** One of the pipeline's reply queues. */
  replyTo?: string;
  replyToSessionId?: string;
  applicationProperties?: { [name: string]: PropertyValue };
  /** When the entity is to show it. A signed message must come before the end of the token that it is signed under. */
  scheduledEnqueueTimeUtc?: Date;
  /** Milliseconds. */
  timeToLive?: number;
}

/** A draft's body in bytes and their type. */
export function bodyOf(body: Draft["body"]): { bytes: Buffer; contentType: string } {
  if (typeof body === "string") return { bytes: Buffer.from(body, "utf8"), contentType: "text/plain; charset=utf-8" };
  if (body instanceof Uint8Array)
    return {
      bytes: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      contentType: "application/octet-stream",
    };
  return { bytes: Buffer.from(JSON.stringify(body), "utf8"), contentType: "application/json" };
}

/** A CloudEvent in structured form. */
const CLOUD_EVENT = "application/cloudevents+json; charset=utf-8";

/**
 * The content type of a draft that does not say one. Of a table of CloudEvents a body that is an event as a whole goes as such;
 * the attributes of others stand in properties.
 */
export function defaultContentType({ sink }: Pipeline, { body }: Draft): string {
  const cloud = sink.cassandra?.table.from.format === MessageFormat.CloudEvents;
  const whole = !(body instanceof Uint8Array) && typeof body === "object" && Object.hasOwn(body, "specversion");
  return cloud && whole ? CLOUD_EVENT : bodyOf(body).contentType;
}

/** The session that a draft belongs to where it does not say: commands on one volume share one. */
export function defaultSession(pipeline: Pipeline, { body }: Draft): string | undefined {
  const command = pipeline.sink.linstor === undefined ? undefined : jsonOf(body);
  return volumeCommandProblems(command).length > 0 ? undefined : (command as VolumeCommand).volume;
}

/** What a body is as JSON; undefined where it is none. */
function jsonOf(body: Draft["body"]): unknown {
  try {
    return JSON.parse(bodyOf(body).bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** What the worker would refuse for ever, and what the entity would not take. */
export function draftProblems(pipeline: Pipeline, draft: Draft, sessionId: string | undefined): Problem[] {
  const { body, messageId, replyTo } = draft;
  const found: Problem[] = [];
  for (const [name, value] of Object.entries({ messageId, sessionId, partitionKey: draft.partitionKey }))
    if (value !== undefined && (value === "" || value.length > ServiceBusLimits.idCharacters))
      found.push(
        problem(
          name,
          value,
          `must have 1 to ${ServiceBusLimits.idCharacters} characters`,
          "Use a shorter one, or none",
        ),
      );
  if (pipeline.source.sessions && sessionId === undefined)
    found.push(
      problem("sessionId", undefined, "is missing; the entity has sessions", "Say which session it belongs to"),
    );
  if (sessionId !== undefined && draft.partitionKey !== undefined && draft.partitionKey !== sessionId)
    found.push(problem("partitionKey", draft.partitionKey, "must be the session's id", "Leave it out"));
  if (replyTo !== undefined && !pipeline.replyQueues.some((queue) => queue.toLowerCase() === replyTo.toLowerCase()))
    found.push(
      problem(
        "replyTo",
        replyTo,
        "is not one of the pipeline's replyQueues",
        pipeline.replyQueues.length === 0 ? "Leave it out" : `Use one of ${pipeline.replyQueues.join(", ")}`,
      ),
    );
  if (pipeline.sink.linstor !== undefined)
    found.push(
      ...volumeCommandProblems(jsonOf(body)).map((p) => ({ ...p, path: p.path === "" ? "body" : `body.${p.path}` })),
    );
  return found;
}
