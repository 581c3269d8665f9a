import { inspect } from "node:util";
import { ExitCode } from "../contract/index.js";
import type { Log } from "../telemetry/index.js";

/**
 * The condition of an error as the other side sent it, `amqp:link:detach-forced`; undefined where the value is anything
 * else. Whatever is thrown by a program is an Error; these are plain values of the protocol.
 */
export function wireCondition(reason: unknown): string | undefined {
  if (typeof reason !== "object" || reason === null || reason instanceof Error) return undefined;
  const condition: unknown = Reflect.get(reason, "condition");
  return typeof condition === "string" ? condition : undefined;
}

/**
 * What nobody caught is a line in the log and the end of the process: it must not go on in a state nobody knows. Not so
 * what the client rejects a close of its own with that it does not wait for (a link that it gives up while it is being
 * opened, azure-sdk-for-js `LinkEntity.checkAborted`): the other side has ended that link, which is what was wanted.
 */
export function takeBlame(log: Log): () => void {
  const end = (error: unknown): never => {
    // The client throws errors of the wire too, which are plain objects.
    const description = error instanceof Error ? (error.stack ?? error.message) : inspect(error, { depth: 1 });
    log.logger.fatal({ description }, "unexpected error: the process ends");
    log.flush();
    process.exit(ExitCode.Failed);
  };
  const rejected = (reason: unknown): void => {
    const condition = wireCondition(reason);
    if (condition === undefined) end(reason);
    log.logger.warn({ code: condition }, "a link that the client gave up was ended with an error");
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", rejected);
  return () => {
    process.off("uncaughtException", end);
    process.off("unhandledRejection", rejected);
  };
}
