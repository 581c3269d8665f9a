import { BrokerError, type BrokerErrorCode } from "../core/errors.js";
import { SettingsError } from "../core/settings.js";
import { element, escapeXml, textElement } from "./xml.js";

/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  /** Empty for none. */
  readonly xml: string;
  readonly type?: "entry" | "feed";
}

const ATOM = ' xmlns="http://www.w3.org/2005/Atom"';
const CONNECT =
  ' xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"';
const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';
const TEXT_TYPE = ' type="text"';

/** One resource, before it is an entry. */
export interface Resource {
  /** Path below the host, as its name is read from it: `orders`, `events/Subscriptions/audit`. */
  readonly path: string;
  /** The last part of its name. */
  readonly title: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** `QueueDescription` and so on. */
  readonly root: string;
  /** What the root element holds, as XML. */
  readonly content: string;
}

/** Where an answer says that things are. */
export interface Place {
  /** `https://host:port`, as the client calls us. */
  readonly origin: string;
  /** The query `api-version=…`, as it was asked with; empty for none. */
  readonly version: string;
  /** The namespace's name. */
  readonly namespace: string;
}

function time(name: string, at: number): string {
  return element(name, new Date(at).toISOString());
}

function address(place: Place, path: string, parameters: readonly string[] = []): string {
  const query = [...parameters, ...(place.version === "" ? [] : [place.version])].join("&");
  return `${place.origin}/${path.split("/").map(encodeURIComponent).join("/").replaceAll("%24", "$")}${query === "" ? "" : `?${query}`}`;
}

function entry(resource: Resource, place: Place, attributes: string): string {
  const id = address(place, resource.path);
  return element(
    "entry",
    [
      textElement("id", id),
      textElement("title", resource.title, TEXT_TYPE),
      time("published", resource.createdAt),
      time("updated", resource.updatedAt),
      element("author", textElement("name", place.namespace)),
      element("link", "", ` rel="self" href="${escapeXml(id)}"`),
      element("content", element(resource.root, resource.content, CONNECT), ' type="application/xml"'),
    ].join(""),
    attributes,
  );
}

/** An answer with one resource. */
export function entryAnswer(status: number, resource: Resource, place: Place): Answer {
  return { status, xml: DECLARATION + entry(resource, place, ATOM), type: "entry" };
}

/** Which part of a list is asked for. */
export interface Page {
  readonly skip: number;
  readonly top: number;
}

/** An answer with a part of a list, and where the next part is. @param make called for the resources shown only */
export function feedAnswer<T>(
  list: { readonly title: string; readonly path: string; readonly now: number },
  all: readonly T[],
  make: (item: T) => Resource,
  page: Page,
  place: Place,
): Answer {
  const shown = all.slice(page.skip, page.skip + page.top);
  const self = address(place, list.path, [`$skip=${page.skip}`, `$top=${page.top}`]);
  const next =
    page.skip + shown.length < all.length && shown.length > 0
      ? address(place, list.path, [`$skip=${page.skip + shown.length}`, `$top=${page.top}`])
      : undefined;
  const parts = [
    textElement("title", list.title, TEXT_TYPE),
    textElement("id", self),
    time("updated", list.now),
    element("link", "", ` rel="self" href="${escapeXml(self)}"`),
    next === undefined ? "" : element("link", "", ` rel="next" href="${escapeXml(next)}"`),
    ...shown.map((item) => entry(make(item), place, "")),
  ];
  return { status: 200, xml: DECLARATION + element("feed", parts.join(""), ATOM), type: "feed" };
}

/** What the service answers to a GET of a queue or topic that is not there: a list of nothing. */
export function nothingAnswer(path: string, now: number, place: Place): Answer {
  const list = { title: "Publicly Listed Services", path, now };
  return feedAnswer(list, [], (none: never) => none, { skip: 0, top: 0 }, place);
}

/** A refusal with a status of its own, for what is no error of the engine. */
export class AdminError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "AdminError";
    this.status = status;
  }
}

/** Statuses and sub-codes by which clients know the refusals of the engine. */
const STATUS: Partial<Record<BrokerErrorCode, number>> = {
  EntityNotFound: 404,
  EntityAlreadyExists: 409,
  InvalidArgument: 400,
  NotAllowed: 400,
  NotImplemented: 501,
  QuotaExceeded: 403,
  UnauthorizedAccess: 401,
  ExpiredToken: 401,
  Timeout: 504,
  ServiceBusy: 503,
};

function statusOf(error: unknown): number {
  if (error instanceof AdminError) {
    return error.status;
  }
  if (error instanceof SettingsError) {
    return 400;
  }
  return (error instanceof BrokerError ? STATUS[error.code] : undefined) ?? 500;
}

/** The refusal of a request. @param trail what ends its text, for finding it again */
export function errorAnswer(error: unknown, trail: string): Answer {
  const status = statusOf(error);
  const said = error instanceof Error ? error.message : String(error);
  // The sub-codes 40901 and 40301 have meanings of their own to clients; nothing here has those.
  const subCode = status === 401 || status === 501 ? "" : `SubCode=${status}00. `;
  const detail = `${subCode}${status === 500 ? "The broker failed: " : ""}${said} ${trail}`;
  return {
    status,
    xml: DECLARATION + element("Error", element("Code", String(status)) + textElement("Detail", detail)),
  };
}
