import { BrokerError, BrokerErrorCode } from "../core/errors.js";

/** What a request's address names. */
export type Target =
  | { readonly kind: "namespace" }
  | { readonly kind: "queues" | "topics" }
  | { readonly kind: "entity"; readonly name: string }
  | { readonly kind: "subscriptions"; readonly topic: string }
  | { readonly kind: "subscription"; readonly topic: string; readonly name: string }
  | { readonly kind: "rules"; readonly topic: string; readonly subscription: string }
  | { readonly kind: "rule"; readonly topic: string; readonly subscription: string; readonly name: string };

/** A request's address, taken apart. */
export interface Address {
  readonly target: Target;
  /** Entries to pass over, and to give at most. */
  readonly skip: number;
  readonly top: number;
  /** Decoded path, without slashes around it. */
  readonly path: string;
  /** `api-version=…`, as it was asked with; empty for none. */
  readonly version: string;
}

/** What the service gives at once at most, and where nothing is said. */
const MOST_ENTRIES = 100;
/** Characters of an address: the longest names, each character encoded, take some 1,200. */
const LONGEST_ADDRESS = 4_096;
const VERSION = /\bapi-version=[\w.-]{1,32}/;
const RULES = /^(.+?)\/subscriptions\/([^/]+)\/rules(?:\/([^/]+))?$/i;
const SUBSCRIPTIONS = /^(.+?)\/subscriptions(?:\/([^/]+))?$/i;

function invalid(what: string): BrokerError {
  return new BrokerError(BrokerErrorCode.InvalidArgument, what);
}

function count(parameters: URLSearchParams, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === null || text === "") {
    return otherwise;
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw invalid(`${name} must be a whole number that is not negative; it is '${text}'.`);
  }
  return Number(text);
}

function targetOf(path: string): Target {
  if (/^\$namespaceinfo$/i.test(path)) {
    return { kind: "namespace" };
  }
  const listed = /^\$resources\/(queues|topics)$/i.exec(path)?.[1]?.toLowerCase();
  if (listed === "queues" || listed === "topics") {
    return { kind: listed };
  }
  const [, ruled, subscription, rule] = RULES.exec(path) ?? [];
  if (ruled !== undefined && subscription !== undefined) {
    return rule === undefined
      ? { kind: "rules", topic: ruled, subscription }
      : { kind: "rule", topic: ruled, subscription, name: rule };
  }
  const [, topic, name] = SUBSCRIPTIONS.exec(path) ?? [];
  if (topic !== undefined) {
    return name === undefined ? { kind: "subscriptions", topic } : { kind: "subscription", topic, name };
  }
  return { kind: "entity", name: path };
}

/**
 * Takes a request's address apart. @param url path and query, as the request line has them
 * @throws BrokerError InvalidArgument for one that names nothing
 */
export function parseAddress(url: string): Address {
  if (url.length > LONGEST_ADDRESS) {
    throw invalid(`The address has ${url.length} characters, at most ${LONGEST_ADDRESS} are taken.`);
  }
  const [path = "", query = ""] = url.replace(/^[a-z]+:\/\/[^/]*/i, "").split("?", 2);
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw invalid(`The path '${path}' is not encoded as addresses are.`);
  }
  const parameters = new URLSearchParams(query);
  const name = decoded.replace(/^\/+|\/+$/g, "");
  if (name === "") {
    throw invalid(
      "The path names nothing: use /<queue or topic>, /<topic>/Subscriptions/<name> or /$Resources/Queues.",
    );
  }
  return {
    target: targetOf(name),
    skip: count(parameters, "$skip", 0),
    top: Math.min(MOST_ENTRIES, count(parameters, "$top", MOST_ENTRIES)),
    path: name,
    version: VERSION.exec(query)?.[0] ?? "",
  };
}

/** The entity whose rights count for a target: its path as the engine spells it; empty for the namespace. */
export function entityOf(target: Target): string {
  switch (target.kind) {
    case "namespace":
    case "queues":
    case "topics":
      return "";
    case "entity":
      return target.name;
    case "subscriptions":
      return target.topic;
    case "subscription":
      return `${target.topic}/Subscriptions/${target.name}`;
    case "rules":
    case "rule":
      return `${target.topic}/Subscriptions/${target.subscription}`;
  }
}
