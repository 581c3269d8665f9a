import { type Problem, problem } from "../../../runtime/contract/index.js";

/** What a change does that nobody asked for. */
export const ChangeEffect = {
  /** Messages are lost: what holds them is deleted or replaced, or they expire. */
  LosesMessages: "losesMessages",
  /** Azure or its provider refuses it, in the middle of a deployment. */
  Refused: "refused",
  /** Clients cannot send or receive: for a time, or until it is changed back. */
  Downtime: "downtime",
  /** More may reach, use or delete it than before. */
  Opens: "opens",
  /** Messages go elsewhere or are treated otherwise, and no error says so. */
  Silent: "silent",
} as const;
export type ChangeEffect = (typeof ChangeEffect)[keyof typeof ChangeEffect];

/** A problem with a change from one deployed state to another, and of what kind it is. */
export interface ChangeViolation extends Problem {
  effect: ChangeEffect;
}

/** Makes a violation. `now` undefined means that the setting, or what holds it, was removed. */
export function violation(
  effect: ChangeEffect,
  path: string,
  now: unknown,
  reason: string,
  fix: string,
): ChangeViolation {
  return { effect, ...problem(path, now ?? "removed", reason, fix) };
}
