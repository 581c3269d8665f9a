import type { Part, PartContext } from "./broker/part.js";
import type { Bench } from "./report.js";

/** How much of everything is done, to try the benchmark itself: STOWAGE_BENCH_SCALE, 0 to 1. @default 1 */
function scale(): number {
  const asked = Number(process.env["STOWAGE_BENCH_SCALE"] ?? 1);
  return asked > 0 && asked <= 1 ? asked : 1;
}

/** A benchmark that measures one part after the other, and profiles what was missed. */
export function benchOf(parts: readonly ((context: PartContext) => Promise<Part>)[]): Bench {
  return async (log, signal) => {
    const part = scale();
    const context: PartContext = { log, signal, scaled: (count) => Math.max(10, Math.round(count * part)) };
    const found: Part = { ratios: {}, figures: {}, why: {} };
    for (const measure of parts) {
      const { ratios, figures, why } = await measure(context);
      Object.assign(found.ratios, ratios);
      Object.assign(found.figures, figures);
      Object.assign(found.why, why);
    }
    await explain(found, log);
    return { ratios: found.ratios, figures: found.figures };
  };
}

/** Prints, for every ratio that was missed, the profile that says why; one that explains several is made once. */
async function explain({ ratios, why }: Part, log: (line: string) => void): Promise<void> {
  const missed = Object.keys(ratios).filter((name) => ratios[name]?.holds === false);
  const made = new Set<() => Promise<string[]>>();
  for (const name of missed) {
    const profile = why[name];
    if (profile === undefined || made.has(profile)) continue;
    made.add(profile);
    const also = missed.filter((other) => why[other] === profile).join(", ");
    log(`missed: ${also}. Where it went:`);
    for (const line of await profile()) log(line);
  }
}
