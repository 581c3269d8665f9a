import { BrokerError, BrokerErrorCode } from "../core/errors.js";

/** What an element holds, once parsed: text, or elements and attributes (under `@name`) without their prefixes. */
export type XmlValue = string | XmlElement | readonly XmlValue[];
export interface XmlElement {
  readonly [name: string]: XmlValue | undefined;
}

/** Text under this key stands beside attributes. */
const TEXT = "#text";
/** Elements that are lists, whether there is one of them or more. */
const LISTS: ReadonlySet<string> = new Set(["KeyValueOfstringanyType", "AuthorizationRule", "AccessRights"]);
/** How deep a request may nest; the deepest that a client sends has nine levels. */
const DEEPEST = 32;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 cannot hold
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as it stands in an element or an attribute; characters that XML cannot hold become U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(UNWRITABLE, "\ufffd").replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

/** An element with content that is XML already. @param attributes as they are written, with a space in front */
export function element(name: string, content: string, attributes = ""): string {
  return content === "" ? `<${name}${attributes}/>` : `<${name}${attributes}>${content}</${name}>`;
}

/** An element with text. */
export function textElement(name: string, text: string, attributes = ""): string {
  return element(name, escapeXml(text), attributes);
}

function malformed(why: string): BrokerError {
  return new BrokerError(BrokerErrorCode.InvalidArgument, `The request body is no XML that can be read: ${why}.`);
}

/** Refuses what would nest without end, before a parser that recurses sees it. */
function checkDepth(text: string): void {
  let depth = 0;
  for (const [, closing, selfClosing] of text.matchAll(/<(\/)?[A-Za-z_][^<>]*?(\/)?>/g)) {
    depth += closing === undefined ? (selfClosing === undefined ? 1 : 0) : -1;
    if (depth > DEEPEST) {
      throw malformed(`its elements nest more than ${DEEPEST} deep`);
    }
  }
}

/**
 * Parses a request's body. The parser is loaded with the first body: a broker starts faster without it.
 * @throws BrokerError InvalidArgument for what is no XML, has a document type, or nests too deep
 */
export async function parseXml(text: string): Promise<XmlElement> {
  if (/<!/.test(text.replace(/<!--|<!\[CDATA\[/g, ""))) {
    throw malformed("document types and entities are not taken");
  }
  checkDepth(text);
  const { XMLParser, XMLValidator } = await import("fast-xml-parser");
  try {
    const valid = XMLValidator.validate(text);
    if (valid !== true) {
      throw malformed(`${valid.err.msg} (line ${valid.err.line}, column ${valid.err.col})`);
    }
    const parsed: unknown = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: "@",
      textNodeName: TEXT,
      removeNSPrefix: true,
      parseTagValue: false,
      parseAttributeValue: false,
      trimValues: false,
      ignoreDeclaration: true,
      ignorePiTags: true,
      // Also what turns references by number, such as those of a line feed, into characters.
      htmlEntities: true,
      isArray: (name) => LISTS.has(name),
    }).parse(text);
    return isElement(parsed) ? parsed : {};
  } catch (error) {
    throw error instanceof BrokerError ? error : malformed(error instanceof Error ? error.message : String(error));
  }
}

function isElement(value: unknown): value is XmlElement {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The element of a name inside another; undefined where there is none, or more than one. */
export function child(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  const value = parent?.[name];
  return typeof value === "string" ? { [TEXT]: value } : isElement(value) ? value : undefined;
}

/** The elements of a name that may occur more than once. */
export function children(parent: XmlElement | undefined, name: string): readonly XmlValue[] {
  const value = parent?.[name];
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** The text of a value; empty for an element without any. */
export function textOf(value: XmlValue | undefined): string {
  if (typeof value === "string") {
    return value;
  }
  const text = isElement(value) ? value[TEXT] : undefined;
  return typeof text === "string" ? text : "";
}

/** An attribute without the prefix that stands in its value (`p4:type="l28:double"` is `double`). */
export function typeOf(value: XmlValue | undefined): string | undefined {
  const type = isElement(value) ? value["@type"] : undefined;
  return typeof type === "string" ? type.replace(/^[^:]*:/, "") : undefined;
}

/** Names of the elements in one, attributes and text left out. */
export function elementNames(parent: XmlElement): string[] {
  return Object.keys(parent).filter((name) => !name.startsWith("@") && name !== TEXT);
}
