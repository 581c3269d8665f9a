/** Why a container does not run yet: the reasons that a cluster gives, so that a reader knows where to look. */
export const WaitingReason = {
  ContainerCreating: "ContainerCreating",
  PodInitializing: "PodInitializing",
  CreateContainerConfigError: "CreateContainerConfigError",
  CreateContainerError: "CreateContainerError",
  CrashLoopBackOff: "CrashLoopBackOff",
  ErrImagePull: "ErrImagePull",
  FailedMount: "FailedMount",
  FailedCreate: "FailedCreate",
} as const;
export type WaitingReason = (typeof WaitingReason)[keyof typeof WaitingReason];

/** Thrown where a container cannot be started as things are; another object may mend it, and it is tried again. */
export class CannotStartError extends Error {
  constructor(
    readonly reason: WaitingReason,
    message: string,
  ) {
    super(message);
    this.name = "CannotStartError";
  }
}
