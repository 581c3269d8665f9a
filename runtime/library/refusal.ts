import { PoisonReason, StowageError } from "../contract/index.js";

/** Thrown by a job of one's own that can never make a result of this message: it is dead-lettered as `JobRefused`. */
export class JobRefused extends StowageError {
  /** @param message what is wrong with the message, for a person; it stands in the dead letter, and in no log */
  constructor(message: string, options?: ErrorOptions) {
    super(PoisonReason.JobRefused, message, options);
    this.name = "JobRefused";
  }
}
