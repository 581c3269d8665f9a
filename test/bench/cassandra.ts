import type { Part, PartContext } from "./broker/part.js";
import { latency } from "./cassandra/latency.js";
import { Setting } from "./cassandra/setting.js";
import { Throughput } from "./cassandra/throughput.js";
import { benchOf } from "./parts.js";

/** All of it on one ring and one broker. */
async function speed(context: PartContext): Promise<Part> {
  const setting = await Setting.open();
  try {
    const rates = await new Throughput(setting, context).measure();
    const late = await latency(setting, context, rates.pipeline);
    await setting.verify();
    return {
      ratios: { ...rates.part.ratios, ...late.ratios },
      figures: { ...rates.part.figures, ...late.figures },
      why: { ...rates.part.why, ...late.why },
    };
  } finally {
    await setting.close();
  }
}

/**
 * From the broker into a real ring of three nodes, beside its two halves (the bare client, the bare driver) and beside
 * the worker that most would write: how fast, how soon, at what cost.
 */
export const cassandra = benchOf([speed]);
