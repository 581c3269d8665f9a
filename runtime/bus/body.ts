import { Buffer } from "node:buffer";

/** An AMQP body as the client hands it over: its content, and the kind of section that it came in. */
export interface AmqpBody {
  content: unknown;
  /** `data`: bytes; `value`: one AMQP value; `sequence`: lists of values. */
  section: "data" | "value" | "sequence" | undefined;
}

/**
 * The bytes of a body as they were sent. A body of bytes is taken as it is; a value or a sequence has no bytes
 * of its own, so it becomes its JSON text in UTF-8. Throws where a value has no JSON text.
 */
export function bodyBytes({ content, section }: AmqpBody): Buffer {
  if (Buffer.isBuffer(content)) return content;
  if (content instanceof Uint8Array) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (section === "data") return joined(content);
  const text = JSON.stringify(content ?? null, plain);
  if (text === undefined) throw new Error(`a value of type ${typeof content} has no JSON text`);
  return Buffer.from(text, "utf8");
}

/** Several data sections are one body, cut in pieces. */
function joined(content: unknown): Buffer {
  if (content === undefined || content === null) return Buffer.alloc(0);
  if (!Array.isArray(content)) throw new Error(`a data section holds bytes, not a value of type ${typeof content}`);
  return Buffer.concat(content.map((section) => bodyBytes({ content: section, section: "data" })));
}

/** JSON has neither 64-bit integers nor bytes: they become decimal and Base64 text. */
function plain(this: { [key: string]: unknown }, key: string, value: unknown): unknown {
  // A Buffer's own toJSON has run by now: only its holder still has the bytes.
  const original = this[key];
  if (original instanceof Uint8Array) return Buffer.from(original).toString("base64");
  return typeof value === "bigint" ? value.toString() : value;
}
