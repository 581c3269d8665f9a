/**
 * How values of one CQL type are written: their bytes in the native protocol, which the driver passes on as they are. The
 * driver's own encoding would read maps' keys as text, and write an empty frozen list as a deletion.
 */
export interface Codec {
  /** Bytes of a value out of a message. Throws WrongValue with the rule that it breaks. */
  encode(value: unknown): Buffer;
  /** Bytes of a value in text form: a map's key, a key of `stowage trace`. Throws WrongValue. */
  fromText(text: string): Buffer;
  /**
   * The one text form of a value: numbers in plain digits, UUIDs in lower case, timestamps as ISO 8601 with milliseconds and
   * Z, blobs in base64, what is made of several values as JSON without spaces. `fromText` reads it.
   */
  text(bytes: Buffer): string;
  /** The value as JSON text, for a text form that it is a part of. */
  json(bytes: Buffer): string;
  /** Bytes of every value, where Cassandra holds all to have the same: such items of a vector go without their lengths. */
  width?: number;
}
