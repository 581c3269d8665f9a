import type { Properties } from "./api.js";
import type { Command } from "./command.js";

/**
 * Properties that the sink writes to volumes and snapshots. LINSTOR keeps what begins with `Aux/` for its users.
 * `created-*` are written in the request that makes the volume and never change; `command*` are those of the last
 * command that was executed on it.
 */
export const Property = {
  Pipeline: "Aux/stowage/pipeline",
  /** Key of the command that made the volume (or the snapshot): how it is recognised after a crash. */
  CreatedKey: "Aux/stowage/created-key",
  CreatedBy: "Aux/stowage/created-by",
  Command: "Aux/stowage/command",
  CommandAction: "Aux/stowage/command-action",
  CommandBody: "Aux/stowage/command-sha256",
  CommandTrace: "Aux/stowage/command-trace",
  Worker: "Aux/stowage/worker",
} as const;

/** Who writes. */
export interface Writer {
  pipeline: string;
  worker: string;
}

/** What is written to a volume once a command on it is executed. */
export function executedBy(command: Command, writer: Writer): Properties {
  return {
    [Property.Command]: command.messageId,
    [Property.CommandAction]: command.action,
    [Property.CommandBody]: command.bodySha256,
    [Property.CommandTrace]: command.traceId,
    [Property.Pipeline]: writer.pipeline,
    [Property.Worker]: writer.worker,
  };
}

/** What is written to a volume or a snapshot in the request that makes it. */
export function createdBy(command: Command, writer: Writer): Properties {
  return {
    [Property.CreatedKey]: command.key,
    [Property.CreatedBy]: command.messageId,
    ...executedBy(command, writer),
  };
}
