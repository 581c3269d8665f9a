import { ExitCode } from "../../../runtime/contract/index.js";

/**
 * Something that must be on the machine is not there (a program, a version of it); nothing was started.
 * `message` has one sentence for each missing part, each with what to install.
 */
export class MissingRequirementError extends Error {
  readonly exitCode = ExitCode.MissingRequirement;

  constructor(readonly sentences: readonly string[]) {
    super(sentences.join("\n"));
    this.name = "MissingRequirementError";
  }
}
