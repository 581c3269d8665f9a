import { message as rheaMessage } from "rhea";
import type { PropertyChanges } from "../core/content.js";
import { Code, Cursor, mapEntries, Section } from "./codec.js";

// Sections of a message written anew, around the bytes that stay.

/** Where the application properties lie in some bytes; empty, where they would be inserted. */
export interface ApplicationRange {
  readonly start: number;
  readonly end: number;
}

/** The application properties' keys and values as encoded by `rhea`, which keeps typed values as they are. */
function encodeChanges(changes: PropertyChanges): { readonly entries: Buffer; readonly count: number } {
  const encoded = rheaMessage.encode({ application_properties: Object.fromEntries(changes), body: null });
  const cursor = new Cursor(encoded);
  while (cursor.remaining > 0) {
    const section = cursor.section();
    if (section.code === Section.ApplicationProperties) {
      const entries = mapEntries(encoded, section.value);
      return { entries: encoded.subarray(entries[0]?.start ?? section.end, section.end), count: entries.length };
    }
  }
  return { entries: Buffer.alloc(0), count: 0 };
}

/** What begins a section that holds a map of `count` entries in `length` bytes. */
export function mapSection(section: number, count: number, length: number): Buffer {
  const head = Buffer.alloc(12);
  head.set([Code.Described, Code.SmallUlong, section, Code.Map32]);
  head.writeUInt32BE(4 + length, 4);
  head.writeUInt32BE(count * 2, 8);
  return head;
}

/** The bare part of a message with application properties set; those of the same name are replaced. */
export function withChanges(bare: Buffer, { start, end }: ApplicationRange, changes: PropertyChanges): Buffer {
  const kept =
    start === end
      ? []
      : mapEntries(bare, new Cursor(bare, start, end).section().value).filter((entry) => !changes.has(entry.key));
  const added = encodeChanges(changes);
  const parts = kept.map((entry) => bare.subarray(entry.start, entry.end));
  const length = parts.reduce((sum, part) => sum + part.length, added.entries.length);
  const head = mapSection(Section.ApplicationProperties, kept.length + added.count, length);
  return Buffer.concat([bare.subarray(0, start), head, ...parts, added.entries, bare.subarray(end)]);
}

/**
 * A section of message annotations: the encoded entries given, with `name` set to a text.
 * @param entries keys and values without the map around them
 */
export function annotationsWith(entries: Buffer, count: number, name: string, text: string): Buffer {
  const framed = Buffer.concat([mapSection(Section.MessageAnnotations, count, entries.length), entries]);
  const kept = mapEntries(framed, new Cursor(framed).section().value).filter((entry) => entry.key !== name);
  const value = Buffer.from(text);
  const head = Buffer.alloc(2 + name.length + 5);
  head.set([Code.Symbol8, name.length]);
  head.write(name, 2, "latin1");
  head[2 + name.length] = Code.String32;
  head.writeUInt32BE(value.length, 3 + name.length);
  const parts = [...kept.map((entry) => framed.subarray(entry.start, entry.end)), head, value];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([mapSection(Section.MessageAnnotations, kept.length + 1, length), ...parts]);
}

/** The text of one of the encoded entries; undefined where there is none, or no text. */
export function annotationText(entries: Buffer, count: number, name: string): string | undefined {
  const framed = annotationsOf(entries, count);
  const found =
    count === 0
      ? undefined
      : mapEntries(framed, new Cursor(framed).section().value).find((entry) => entry.key === name);
  const code = found === undefined ? undefined : framed[found.value];
  return found !== undefined && (code === Code.String8 || code === Code.String32)
    ? new Cursor(framed, found.value, found.end).text()
    : undefined;
}

/** A section of message annotations from encoded entries; nothing where there are none. */
export function annotationsOf(entries: Buffer, count: number): Buffer {
  return count === 0
    ? entries
    : Buffer.concat([mapSection(Section.MessageAnnotations, count, entries.length), entries]);
}
