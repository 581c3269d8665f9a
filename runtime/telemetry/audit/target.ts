import { StowageError } from "../../contract/index.js";
import type { OpenRecord, Position, TornEnd } from "./record.js";

/** Where a writer goes on. */
export interface Continuation extends Position {
  /** Intents that are open at this place. */
  open: OpenRecord["open"];
  /** What a killed writer left behind its last whole record. */
  torn: TornEnd[];
  /** The chain that this process wrote before and cannot go on with. */
  after?: Position;
}

/** Where records go. One write at a time; the log sees to that. */
export interface AuditTarget {
  readonly destination: OpenRecord["destination"];
  /** Makes ready for writing, after a start as after a failed write. Rejects with `AuditUnavailable`. */
  open(): Promise<Continuation>;
  /** Bytes after which the next file is begun: true once they are reached. */
  readonly full: boolean;
  /** Begins the next file. */
  next(): Promise<void>;
  /** Resolves once the system has taken all bytes; rejects with `AuditUnavailable`, and maybe some of them are there. */
  write(bytes: Buffer): Promise<void>;
  /** Rejects where nothing could be written now. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** The error of everything that keeps a record from being written. */
export function unavailable(where: string, error: unknown): StowageError {
  const why = error instanceof Error ? error.message : String(error);
  return new StowageError(
    "AuditUnavailable",
    `The audit cannot be written to ${where}: ${why}. Nothing is done without its record: make room there, or see to ` +
      "its volume; the worker goes on by itself.",
    { cause: error },
  );
}
