import { isLosslessNumber } from "lossless-json";
import {
  MessageField,
  MessageFormat,
  type MessageMapping,
  PoisonReason,
  type SinkMessage,
  type ValueSource,
} from "../../contract/index.js";
import { AvroDataError, AvroReader } from "./avro.js";
import { CloudEventError, readCloudEvent } from "./cloudEvents.js";
import { type Digits, parseJsonBytes } from "./jsonText.js";
import { Unfit } from "./unfit.js";

/** What of a message its row is made of. */
export type RowSource = Pick<SinkMessage, "messageId" | "body"> &
  Partial<
    Pick<
      SinkMessage,
      "partitionKey" | "sessionId" | "subject" | "correlationId" | "enqueuedTime" | "properties" | "contentType"
    >
  >;

/** A message that was opened: what paths go into, and a CloudEvent's attributes. */
export interface Opened {
  body: unknown;
  attribute?: (name: string) => unknown;
}

/** A place in a message that values are taken from. */
export interface Place {
  /** Where it is, for a person: `the body's reading.celsius`. */
  origin: string;
  read(source: RowSource, opened: Opened): unknown;
}

/** The place that a definition means. */
export function placeOf({ body, property, attribute, message }: ValueSource): Place {
  if (body !== undefined) {
    const path = body.split(".");
    const [only] = path;
    const read =
      path.length === 1 && only !== undefined
        ? (_source: RowSource, opened: Opened) => step(opened.body, only)
        : (_source: RowSource, opened: Opened) => valueAt(opened.body, path);
    return { origin: `the body's ${body}`, read };
  }
  if (property !== undefined)
    return {
      origin: `the application property ${property}`,
      read: ({ properties }) =>
        properties !== undefined && Object.hasOwn(properties, property) ? properties[property] : undefined,
    };
  if (attribute !== undefined)
    return { origin: `the CloudEvent's ${attribute}`, read: (_source, opened) => opened.attribute?.(attribute) };
  const field = message ?? MessageField.MessageId;
  return { origin: `the message's ${field}`, read: (source) => source[field] };
}

/** The value at a path of keys; undefined where a step is missing. */
function valueAt(value: unknown, path: readonly string[]): unknown {
  let found: unknown = value;
  for (const key of path) {
    found = step(found, key);
    if (found === undefined) return undefined;
  }
  return found;
}

/** What a value has under a key. What an object inherits is not its value, and what stands for one value has none. */
function step(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  if (isLosslessNumber(value) || (Array.isArray(value) && key === "length")) return undefined;
  return Reflect.get(value, key);
}

/** How messages of a table are opened. `body`: values are read from it; `digits`: those of numbers that are kept. */
export function openerOf(
  { format = MessageFormat.Json, schema }: MessageMapping,
  options: { body: boolean; digits: Digits },
): (source: RowSource) => Opened {
  if (format === MessageFormat.CloudEvents) return (source) => openCloudEvent(source, options);
  if (format === MessageFormat.Json) return ({ body }) => openJson(body, options.digits);
  const reader = new AvroReader(schema ?? "", format === MessageFormat.AvroSingleObject);
  return ({ body }) => openAvro(body, reader);
}

function openJson(bytes: Buffer, digits: Digits): Opened {
  const body = parseJsonBytes(bytes, digits);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Unfit(PoisonReason.InvalidBody, "The body is not a JSON object in UTF-8.");
  return { body };
}

function openCloudEvent(source: RowSource, { body, digits }: { body: boolean; digits: Digits }): Opened {
  try {
    const event = readCloudEvent(source, { data: body, digits });
    return { body: event.data, attribute: event.attribute };
  } catch (error) {
    if (error instanceof CloudEventError)
      throw new Unfit(PoisonReason.InvalidBody, `The message is no CloudEvent that can be read: ${error.message}.`);
    throw error;
  }
}

function openAvro(bytes: Buffer, reader: AvroReader): Opened {
  try {
    return { body: reader.read(bytes) };
  } catch (error) {
    if (error instanceof AvroDataError)
      throw new Unfit(PoisonReason.InvalidBody, `The body is no datum of the table's Avro schema: ${error.message}.`);
    throw error;
  }
}
