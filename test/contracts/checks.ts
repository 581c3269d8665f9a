/** One line of the report. */
export interface Check {
  name: string;
  /** What is left out is named with its reason, and counts as neither. */
  outcome: "passed" | "failed" | "leftOut";
  /** What is wrong or left out; for a check that passed, what a reader should know. */
  notes: string[];
}

export function passed(name: string, ...notes: string[]): Check {
  return { name, outcome: "passed", notes };
}

export function failed(name: string, ...notes: string[]): Check {
  return { name, outcome: "failed", notes };
}

export function leftOut(name: string, reason: string): Check {
  return { name, outcome: "leftOut", notes: [reason] };
}

const MARKS: Record<Check["outcome"], string> = { passed: "ok  ", failed: "FAIL", leftOut: "--  " };

/** Notes of a failure that are printed; the rest is counted. */
const NOTES_SHOWN = 12;

/** The lines of a check: `ok`, `FAIL` or `--`, its name, its notes indented. */
export function lines({ name, outcome, notes }: Check): string[] {
  const more = notes.length - NOTES_SHOWN;
  return [
    `${MARKS[outcome]} ${name}`,
    ...notes.slice(0, NOTES_SHOWN).map((note) => `       ${note}`),
    ...(more > 0 ? [`       and ${more} more`] : []),
  ];
}
