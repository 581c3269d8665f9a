import { formatDuration, parseDuration } from "../core/durations.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import { EntityStatus } from "../core/settings.js";
import type { Draft, SettingElement, Settings, Shape, ToldElement } from "./elements.js";
import { readPolicies, writePolicies } from "./policies.js";
import { child, element, elementNames, textElement, textOf, type XmlElement } from "./xml.js";

/** Messages of an entity, as its description tells them. */
export interface MessageCounts {
  readonly active: number;
  readonly deferred: number;
  readonly scheduled: number;
  readonly deadLetter: number;
  readonly transfer: number;
  readonly transferDeadLetter: number;
  /** Bytes of the messages as they were sent. */
  readonly sizeInBytes: number;
}

/** What is told of an entity beside its settings. */
export interface EntityFacts {
  readonly settings: Settings;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly accessedAt: number | undefined;
  readonly counts: MessageCounts;
  readonly subscriptions: number;
  /** What stands in front of a forward's target: `sb://host:port/`. */
  readonly targetBase: string;
  /** The broker's own bound on a message, in kilobytes. */
  readonly maxMessageKilobytes: number;
}

const COUNTS = ' xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus"';
/** How the service writes the time of an entity that was never used. */
const NEVER = "0001-01-01T00:00:00Z";
/** What clients send back of what they were told; only this value of it is taken. */
const ONLY: ReadonlyMap<string, string> = new Map([
  ["IsAnonymousAccessible", "false"],
  ["FilteringMessagesBeforePublishing", "false"],
  ["EnableSubscriptionPartitioning", "false"],
]);
/** What clients send back of what they were told; it changes nothing. */
const IGNORED: ReadonlySet<string> = new Set([
  "SizeInBytes",
  "MessageCount",
  "CreatedAt",
  "UpdatedAt",
  "AccessedAt",
  "CountDetails",
  "SubscriptionCount",
  "EntityAvailabilityStatus",
  // A subscription's first rule: read where the subscription is made.
  "DefaultRuleDescription",
]);
/** Settings that are fixed when an entity is made: an update that does not say them leaves them. */
const FIXED = ["requiresSession", "requiresDuplicateDetection", "enablePartitioning"] as const;

// --- writing --------------------------------------------------------------------------------------------------------

/** An entity's description, without its root element. */
export function writeDescription(shape: Shape, facts: EntityFacts): string {
  return shape.parts.map((part) => (typeof part === "string" ? told(part, facts) : said(part, facts))).join("");
}

function said(part: SettingElement, facts: EntityFacts): string {
  const { settings } = facts;
  switch (part.kind) {
    case "duration":
      return element(part.name, formatDuration(settings[part.setting] ?? Number.POSITIVE_INFINITY));
    case "integer":
      return element(part.name, String(settings[part.setting] ?? facts.maxMessageKilobytes));
    case "boolean":
      return element(part.name, String(settings[part.setting] ?? false));
    case "status":
      return element(part.name, settings.status ?? EntityStatus.Active);
    case "policies":
      return writePolicies(settings.authorizationRules ?? [], facts.createdAt, facts.updatedAt);
    case "text": {
      const text = settings[part.setting] ?? "";
      return text === "" ? "" : textElement(part.name, text);
    }
    case "target": {
      const target = settings[part.setting];
      return target === undefined ? "" : textElement(part.name, facts.targetBase + target);
    }
  }
}

function told(part: ToldElement, facts: EntityFacts): string {
  const { counts } = facts;
  switch (part) {
    case "SizeInBytes":
      return element(part, String(counts.sizeInBytes));
    case "MessageCount":
      return element(part, String(total(counts)));
    case "IsAnonymousAccessible":
    case "FilteringMessagesBeforePublishing":
      return element(part, "false");
    case "CreatedAt":
      return element(part, new Date(facts.createdAt).toISOString());
    case "UpdatedAt":
      return element(part, new Date(facts.updatedAt).toISOString());
    case "AccessedAt":
      return element(part, facts.accessedAt === undefined ? NEVER : new Date(facts.accessedAt).toISOString());
    case "SubscriptionCount":
      return element(part, String(facts.subscriptions));
    case "EntityAvailabilityStatus":
      return element(part, "Available");
    case "CountDetails":
      return element(
        part,
        [
          element("d2p1:ActiveMessageCount", String(counts.active)),
          element("d2p1:DeadLetterMessageCount", String(counts.deadLetter)),
          element("d2p1:ScheduledMessageCount", String(counts.scheduled)),
          element("d2p1:TransferMessageCount", String(counts.transfer)),
          element("d2p1:TransferDeadLetterMessageCount", String(counts.transferDeadLetter)),
        ].join(""),
        COUNTS,
      );
  }
}

function total(counts: MessageCounts): number {
  const { active, deferred, scheduled, deadLetter, transfer, transferDeadLetter } = counts;
  return active + deferred + scheduled + deadLetter + transfer + transferDeadLetter;
}

// --- reading --------------------------------------------------------------------------------------------------------

/**
 * The settings that a description says; those it does not say take their defaults.
 * @param before what the entity has, where it is updated: settings that never change stay as they are
 * @throws BrokerError InvalidArgument with everything that cannot be read, or is not known, at once
 */
export function readDescription(shape: Shape, description: XmlElement, before: Settings | undefined): Settings {
  const problems: string[] = [];
  const draft: Draft = {};
  for (const key of FIXED) {
    const kept = before?.[key];
    if (kept !== undefined) {
      draft[key] = kept;
    }
  }
  for (const name of elementNames(description)) {
    const part = shape.parts.find((known) => typeof known !== "string" && known.name === name);
    const only = ONLY.get(name);
    const text = textOf(description[name]);
    if (part !== undefined && typeof part !== "string") {
      readSetting(part, description, draft, problems);
    } else if (only !== undefined ? text.toLowerCase() !== only : !IGNORED.has(name)) {
      problems.push(
        only === undefined
          ? `${name} is not known in a ${shape.root}.`
          : `${name} can only be ${only} here; it is '${text}'.`,
      );
    }
  }
  if (problems.length > 0) {
    throw new BrokerError(BrokerErrorCode.InvalidArgument, problems.join(" "));
  }
  return draft;
}

function readSetting(part: SettingElement, description: XmlElement, draft: Draft, problems: string[]): void {
  const text = textOf(description[part.name]);
  switch (part.kind) {
    case "duration": {
      const seconds = parseDuration(text);
      if (seconds === undefined) {
        problems.push(`${part.name} must be an ISO 8601 duration such as PT30S; it is '${text}'.`);
      } else if (seconds !== Number.POSITIVE_INFINITY || part.setting === "lockDurationSeconds") {
        draft[part.setting] = seconds;
      }
      return;
    }
    case "integer":
      if (/^\d{1,15}$/.test(text)) {
        draft[part.setting] = Number(text);
      } else {
        problems.push(`${part.name} must be a whole number; it is '${text}'.`);
      }
      return;
    case "boolean":
      if (/^(true|false)$/i.test(text)) {
        draft[part.setting] = text.toLowerCase() === "true";
      } else {
        problems.push(`${part.name} must be true or false; it is '${text}'.`);
      }
      return;
    case "status": {
      const status = Object.values(EntityStatus).find((known) => known.toLowerCase() === text.toLowerCase());
      if (status === undefined) {
        problems.push(`Status must be one of ${Object.values(EntityStatus).join(", ")}; it is '${text}'.`);
      } else {
        draft.status = status;
      }
      return;
    }
    case "policies":
      draft.authorizationRules = readPolicies(child(description, part.name), problems);
      return;
    case "text":
    case "target":
      draft[part.setting] = text;
  }
}
