import { z } from "zod";
import type { Problem } from "./problems.js";
import { integer, oneOf, problemsOf, strict, text } from "./zod.js";

/** What a LINSTOR command message may ask for. */
export const VolumeAction = {
  Create: "create",
  Snapshot: "snapshot",
  Attach: "attach",
  Delete: "delete",
} as const;
export type VolumeAction = (typeof VolumeAction)[keyof typeof VolumeAction];

/**
 * Body of a command message, JSON. All commands on one volume carry the volume's name as session id,
 * so that they are executed in the order in which they were sent.
 */
export interface VolumeCommand {
  action: VolumeAction;
  /** Name of the volume, a LINSTOR resource definition: 2 to 48 letters, digits, `_`, `-`; compared without case. */
  volume: string;
  /** create: size in KiB, from 4. */
  sizeKib?: number;
  /** create: number of replicas, 1 to 16; the resource group's own where absent. */
  replicas?: number;
  /** snapshot: name of the snapshot, by the rule of `volume`. */
  snapshot?: string;
  /** attach: the node that gets access. */
  node?: string;
}

/** Body of the answer, JSON; it goes to the request's ReplyTo with the request's id as correlation id. */
export interface VolumeReply {
  /** Message id of the command. */
  command: string;
  action: VolumeAction;
  volume: string;
  result: VolumeResult;
  /** True where the command had been executed before: nothing was changed this time. */
  duplicate: boolean;
  /** create, attach: nodes that hold or see the volume, sorted. */
  nodes: string[];
  /** What LINSTOR said, or why it was refused; for people. */
  message: string;
}

export const VolumeResult = { Done: "done", Refused: "refused" } as const;
export type VolumeResult = (typeof VolumeResult)[keyof typeof VolumeResult];

const LINSTOR_NAME = /^[A-Za-z_][A-Za-z0-9_-]{1,47}$/;
const linstorName = text(
  LINSTOR_NAME,
  "2 to 48 letters, digits, _ or -, the first a letter or _",
  "Use a name by LINSTOR's rule",
);

const commandSchema = strict({
  action: oneOf(VolumeAction),
  volume: linstorName,
  sizeKib: z.exactOptional(integer(4, 2 ** 50, "KiB")),
  replicas: z.exactOptional(integer(1, 16)),
  snapshot: z.exactOptional(linstorName),
  node: z.exactOptional(linstorName),
}) satisfies z.ZodType<VolumeCommand>;

/** The settings that each action needs, and no others. */
const settings: Record<VolumeAction, { needs: (keyof VolumeCommand)[]; may: (keyof VolumeCommand)[] }> = {
  create: { needs: ["sizeKib"], may: ["replicas"] },
  snapshot: { needs: ["snapshot"], may: [] },
  attach: { needs: ["node"], may: [] },
  delete: { needs: [], may: [] },
};

/** All problems of a command's body; an empty list where it is valid. */
export function volumeCommandProblems(body: unknown): Problem[] {
  const problems = problemsOf(commandSchema, body);
  if (problems.length > 0) return problems;
  const command = commandSchema.parse(body) as VolumeCommand;
  const { needs, may } = settings[command.action];
  const given = Object.keys(command).filter((key) => key !== "action" && key !== "volume") as (keyof VolumeCommand)[];
  return [
    ...needs
      .filter((key) => !given.includes(key))
      .map((path) => ({ path, reason: `is missing; ${command.action} needs it`, fix: `Add ${path}` })),
    ...given
      .filter((key) => !needs.includes(key) && !may.includes(key))
      .map((path) => ({ path, reason: `does not belong to ${command.action}`, fix: `Remove ${path}` })),
  ];
}
