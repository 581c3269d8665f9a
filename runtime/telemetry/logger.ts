import pino from "pino";
import { InvalidInputError, problem } from "../contract/index.js";
import { LineWriter } from "./lineWriter.js";
import { type DeliveryFields, isoNow, PlainLines } from "./plainLines.js";

/** The worker's log: JSON lines, one a decision; never a body, never a token. */
export type Logger = pino.Logger;

/** Names of the log levels, from the quietest. */
export const LogLevel = {
  Silent: "silent",
  Fatal: "fatal",
  Error: "error",
  Warn: "warn",
  Info: "info",
  Debug: "debug",
} as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

const plainWriters = new WeakMap<Logger, PlainLines>();

/**
 * A line of a delivery at the level `info`: it says what `logger.info(fields, message)` says. On a log of `createLog` it
 * costs a fraction of that, since nothing has to be found out about the fields. `message` is plain text without quotes.
 */
export function deliveryInfo(logger: Logger, fields: DeliveryFields, message: string): void {
  const writer = plainWriters.get(logger);
  if (writer === undefined) logger.info(fields, message);
  else if (logger.isLevelEnabled(LogLevel.Info)) writer.info(fields, message);
}

/** A log, and how to write out what it still holds. */
export interface Log {
  logger: Logger;
  /** Writes out synchronously what is buffered: before the process ends, and after a line that somebody waits for. */
  flush(): void;
  /** Writes other lines to where the log goes, between its own. */
  append(lines: Buffer): Promise<void>;
}

/** How a log is made. */
export interface LogOptions {
  level: LogLevel;
  base: { [name: string]: string };
  /** @default 1, standard output */
  fd?: number;
}

/**
 * A log on a file descriptor. Lines are buffered for at most 100 ms: a line a message would otherwise cost a system
 * call a message.
 */
export function createLog({ level, base, fd = 1 }: LogOptions): Log {
  const format = {
    level,
    base,
    timestamp: () => `,"time":"${isoNow()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const lines = LineWriter.of(fd);
  const logger = pino(format, lines);
  plainWriters.set(logger, new PlainLines(base, lines));
  return { logger, flush: () => flushQuietly(lines), append: (bytes) => lines.append(bytes) };
}

function flushQuietly(destination: { flushSync(): void }): void {
  try {
    destination.flushSync();
  } catch {
    // The reader of the log is gone, or it was never opened: there is nobody left to tell.
  }
}

/** The level that `STOWAGE_LOG_LEVEL` names; `info` where it is absent or empty. Throws an InvalidInputError where it names none. */
export function logLevel(name: string | undefined): LogLevel {
  if (name === undefined || name === "") return LogLevel.Info;
  const levels = Object.values(LogLevel);
  const level = levels.find((one) => one === name);
  if (level !== undefined) return level;
  const why = problem("STOWAGE_LOG_LEVEL", name, `must be one of ${levels.join(", ")}`, "Change it, or leave it out");
  throw new InvalidInputError("Invalid environment", [why]);
}
