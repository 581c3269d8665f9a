/** An answer of Azure Resource Manager that is no success. */
export class ArmError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(`Status=${status} Code="${code}" Message="${message}"`);
    this.name = "ArmError";
  }
}
