import pino from "pino";

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

/** Bytes that may wait in memory before they are written, and how long they may wait, in milliseconds. */
const BUFFER_BYTES = 4_096;
const FLUSH_MILLISECONDS = 100;

/** A log, and how to write out what it still holds. */
export interface Log {
  logger: Logger;
  /** Writes out synchronously what is buffered: before the process ends, and after a line that somebody waits for. */
  flush(): void;
}

/**
 * A log on a file descriptor (1 is standard output). Lines are buffered for at most 100 ms: a line a message
 * would otherwise cost a system call a message.
 */
export function createLog(options: { level: LogLevel; base: { [name: string]: string }; fd?: number }): Log {
  const destination = pino.destination({
    fd: options.fd ?? 1,
    sync: false,
    minLength: BUFFER_BYTES,
    periodicFlush: FLUSH_MILLISECONDS,
  });
  const logger = pino(
    {
      level: options.level,
      base: options.base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return { logger, flush: () => flushQuietly(destination) };
}

function flushQuietly(destination: { flushSync(): void }): void {
  try {
    destination.flushSync();
  } catch {
    // The reader of the log is gone, or it was never opened: there is nobody left to tell.
  }
}

/** The level that `STOWAGE_LOG_LEVEL` names; `info` where it is absent or names none. */
export function logLevel(name: string | undefined): LogLevel {
  return Object.values(LogLevel).find((level) => level === name) ?? LogLevel.Info;
}
