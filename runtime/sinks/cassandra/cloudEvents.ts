import type { SinkMessage } from "../../contract/index.js";
import { type Digits, parseJsonBytes } from "./jsonText.js";

/** A message that is no CloudEvent, or one that cannot be read; the text ends a sentence. */
export class CloudEventError extends Error {}

/** A CloudEvent 1.0, however it was sent. */
export interface CloudEvent {
  /** Its data as JSON; undefined where it has none, or where it was not asked for. */
  data: unknown;
  /** A context attribute; undefined where the event does not have it. */
  attribute(name: string): unknown;
}

/** What of a message an event is made of. */
export type EventSource = Pick<SinkMessage, "body"> & Partial<Pick<SinkMessage, "contentType" | "properties">>;

const STRUCTURED = "application/cloudevents";
const STRUCTURED_JSON = /^application\/cloudevents\+json\s*(;|$)/i;
/** `application/json`, `text/json`, `application/vnd.thing+json`, with parameters. */
const JSON_TYPE = /^[^;/]+\/(?:[^;/]+\+)?json\s*(;|$)/i;
/** Before the names of attributes, by the AMQP protocol binding; the second is for who cannot write the first (JMS). */
const PREFIXES = ["cloudEvents:", "cloudEvents_"] as const;
/** Attributes that every event has, besides `specversion`. */
const REQUIRED = ["id", "source", "type"] as const;
const VERSION = "1.0";

/**
 * Reads a CloudEvent. By the AMQP protocol binding the content type says which form it has; a message whose content type says
 * nothing of it, and that has no attributes in properties, is structured where its body says so. Throws a CloudEventError.
 * `options.data`: its data is needed; `digits`: those of its numbers that are kept.
 */
export function readCloudEvent(source: EventSource, options: { data: boolean; digits: Digits }): CloudEvent {
  const { contentType = "" } = source;
  const structured = contentType.slice(0, STRUCTURED.length).toLowerCase() === STRUCTURED;
  if (structured && !STRUCTURED_JSON.test(contentType))
    throw new CloudEventError("its content type is not application/cloudevents+json, one event in JSON");
  const event = structured || !hasAttributes(source) ? structuredEvent(source, options) : binaryEvent(source, options);
  check(event);
  return event;
}

function hasAttributes({ properties }: EventSource): boolean {
  return properties !== undefined && PREFIXES.some((prefix) => Object.hasOwn(properties, `${prefix}specversion`));
}

function check(event: CloudEvent): void {
  if (event.attribute("specversion") !== VERSION)
    throw new CloudEventError(`its specversion is not ${VERSION}, neither in the body nor in a property`);
  for (const name of REQUIRED) {
    const value = event.attribute(name);
    if (typeof value !== "string" || value === "") throw new CloudEventError(`its attribute ${name} is no text`);
  }
}

function structuredEvent(
  { body }: EventSource,
  { data: needed, digits }: { data: boolean; digits: Digits },
): CloudEvent {
  const event = parseJsonBytes(body, digits);
  if (typeof event !== "object" || event === null || Array.isArray(event))
    throw new CloudEventError("its body is no JSON object in UTF-8");
  const attribute = (name: string) => (name === "data" || name === "data_base64" ? undefined : own(event, name));
  const base64 = own(event, "data_base64");
  const data =
    base64 === undefined || !needed ? own(event, "data") : encoded(base64, attribute("datacontenttype"), digits);
  return { data, attribute };
}

/** Data that was sent as bytes. */
function encoded(base64: unknown, contentType: unknown, digits: Digits): unknown {
  if (typeof base64 !== "string") throw new CloudEventError("its data_base64 is no text");
  return jsonData(Buffer.from(base64, "base64"), typeof contentType === "string" ? contentType : "", digits);
}

function binaryEvent(
  { body, contentType = "", properties = {} }: EventSource,
  { data: needed, digits }: { data: boolean; digits: Digits },
): CloudEvent {
  const attribute = (name: string): unknown => {
    if (name === "datacontenttype") return contentType === "" ? undefined : contentType;
    for (const prefix of PREFIXES) {
      const value = own(properties, prefix + name);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  return { data: needed && body.length > 0 ? jsonData(body, contentType, digits) : undefined, attribute };
}

function jsonData(bytes: Buffer, contentType: string, digits: Digits): unknown {
  if (contentType !== "" && !JSON_TYPE.test(contentType))
    throw new CloudEventError("its data is not JSON, by its content type, and columns are read from it");
  const data = parseJsonBytes(bytes, digits);
  if (data === undefined) throw new CloudEventError("its data is no JSON in UTF-8");
  return data;
}

function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;
}
