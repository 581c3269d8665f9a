import { type PoisonOutcome, PoisonReason } from "../../contract/index.js";

/** A message that cannot become a row. Carried to the message's outcome; the value itself is never shown. */
export class Unfit extends Error {
  constructor(
    readonly reason: PoisonReason,
    message: string,
  ) {
    super(message);
    this.name = "Unfit";
  }

  get outcome(): PoisonOutcome {
    return { kind: "poison", reason: this.reason, description: this.message };
  }
}

/** Says that a value is of the wrong kind or out of range; the column's name is added by the caller. */
export class WrongValue extends Error {
  constructor(
    /** What the value must be: `must be a whole number from -128 to 127`. */
    readonly rule: string,
  ) {
    super(rule);
    this.name = "WrongValue";
  }
}

/** Poison of a value that does not fit. */
export function invalidValue(description: string): Unfit {
  return new Unfit(PoisonReason.InvalidValue, description);
}
