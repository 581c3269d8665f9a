import { existsSync } from "node:fs";
import { CASSANDRA_CONCURRENCY } from "../../../runtime/contract/index.js";
import { type Part, type PartContext, ROUNDS } from "../broker/part.js";
import { profiled } from "../broker/profile.js";
import { atLeast, atMost, median, round } from "../report.js";
import { bareLoopOf, peakMebibytes, type Start } from "../worker/subject.js";
import { drained, REST, until } from "../worker/window.js";
import { OWN, TEN } from "./rows.js";
import { Setting } from "./setting.js";

/** The least of what both halves allow together. */
const LEAST_OF_HALVES = 0.85;
/**
 * What is given of the load over ten partitions, whose batches are 70 to 80 rows. Over a hundred partitions what is in work at
 * once is five rows of each, which the ring pays for whoever sends them.
 */
const TEN_SIZE = { measured: 15_000, warmUp: 8_000 } as const;
/** The loads, the least that the pipeline does beside the naive worker, and how much it is given of each. */
const LOADS = [
  { name: "Hundred", partitions: 100, least: 2.0, pipeline: { measured: 15_000, warmUp: 8_000 } },
  { name: "TenThousand", partitions: 10_000, least: 1.3, pipeline: { measured: 8_000, warmUp: 4_000 } },
  { name: "Own", partitions: OWN, least: 1.0, pipeline: { measured: 8_000, warmUp: 4_000 } },
] as const;
type Load = (typeof LOADS)[number]["name"];

/** Messages that are measured, and those before them that warm up. */
const SIZES = {
  client: { measured: 20_000, warmUp: 10_000 },
  naive: { measured: 4_000, warmUp: 2_000 },
} as const;
/** The bare driver's batches, and how many are in flight: more of them do not make it faster. */
const BATCHES = { rows: 30_000, size: 100, inFlight: 16 } as const;
/** Times that the driver's rows are written before anything is counted; the ring's CPU a row has settled by then. */
const COMPILED_AFTER = 16;
/** Messages that a profile is made of. */
const PROFILED = 15_000;
/** MiB that the worker holds at most: what it may where bodies are small. */
const MOST_MEBIBYTES = 200;

/** What was measured of one contestant, one entry a round. */
class Series {
  readonly rate: number[] = [];
  readonly micros: number[] = [];
  readonly ringMicros: number[] = [];
  readonly brokerMicros: number[] = [];
}

type Contestant = "client" | "driver" | "pipelineTen" | `pipeline${Load}` | `naive${Load}`;

/** What a run of rates found, beside its ratios: what the other parts go by. */
export interface Rates {
  part: Part;
  /** Rows a second that the pipeline reaches at most: over ten partitions. */
  pipeline: number;
}

/** Messages and rows a second of the pipeline, of its two halves, and of the naive worker. */
export class Throughput {
  private readonly found = new Map<Contestant, Series>();
  private peak = 0;

  constructor(
    private readonly setting: Setting,
    private readonly context: PartContext,
  ) {}

  async measure(): Promise<Rates> {
    const { setting, context } = this;
    await setting.table("halves");
    await setting.table("pipeline_ten");
    for (const { name } of LOADS) {
      await setting.table(tableOf("pipeline", name));
      await setting.table(tableOf("naive", name));
    }
    // The nodes compile what they do often: first what the driver alone asks for, then, in a round that is not counted, the rest.
    for (let i = 0; i < COMPILED_AFTER; i++) await this.driver();
    for (let i = 0; i <= ROUNDS; i++) {
      context.log(`round ${i} of ${ROUNDS}${i === 0 ? " (not counted)" : ""}:`);
      if (i === 1) this.found.clear();
      await this.client();
      await this.driver();
      await this.pipeline("pipelineTen", "pipeline_ten", TEN, TEN_SIZE);
      for (const load of LOADS) {
        // In turn, so that neither always finds the ring as the other left it.
        const { name, partitions, pipeline } = load;
        const both = [
          () => this.pipeline(`pipeline${name}`, tableOf("pipeline", name), partitions, pipeline),
          () => this.naive(load),
        ];
        for (const one of i % 2 === 0 ? both.reverse() : both) await one();
      }
    }
    return { part: this.part(), pipeline: this.middle("pipelineTen", "rate") };
  }

  private async client(): Promise<void> {
    const { setting } = this;
    // Whatever table the messages are for: nobody writes them.
    await this.race("client", SIZES.client, bareLoopOf(CASSANDRA_CONCURRENCY), (count) =>
      setting.producer.run({ what: "fill", from: 0, count, partitions: 100 }),
    );
  }

  private async driver(): Promise<void> {
    const { setting, context } = this;
    const { size, inFlight } = BATCHES;
    const count = context.scaled(BATCHES.rows);
    const from = setting.owe("halves", count);
    const ring = setting.ringCpu();
    const { seconds, cpuMicros } = await setting.driver.run({
      ...{ what: "batches", table: "halves", from, count, size, inFlight },
    });
    this.note("driver", count / seconds, cpuMicros / count, (setting.ringCpu() - ring) / count, 0);
  }

  private async pipeline(
    who: Contestant,
    table: string,
    partitions: number,
    size: { measured: number; warmUp: number },
  ): Promise<void> {
    const start: Start = async (...args) => {
      const subject = await this.setting.worker(table)(...args);
      const close = (): Promise<void> => {
        // One that has ended by itself is told by the race.
        if (existsSync(`/proc/${subject.pid}`)) this.peak = Math.max(this.peak, peakMebibytes(subject.pid));
        return subject.close();
      };
      return { ...subject, close };
    };
    await this.race(who, size, start, (count) => this.setting.fill(table, count, partitions));
  }

  private async naive({ name, partitions }: (typeof LOADS)[number]): Promise<void> {
    const table = tableOf("naive", name);
    await this.race(`naive${name}`, SIZES.naive, this.setting.naive(table), (count) =>
      this.setting.fill(table, count, partitions),
    );
  }

  private async race(
    who: Contestant,
    size: { measured: number; warmUp: number },
    start: Start,
    fill: (count: number) => Promise<unknown>,
  ): Promise<void> {
    const { setting, context } = this;
    context.signal.throwIfAborted();
    const measured = context.scaled(size.measured);
    const count = measured + context.scaled(size.warmUp) + REST;
    await fill(count);
    const [ring, broker] = [setting.ringCpu(), await setting.broker.cpu()];
    const { rate, micros } = await drained(setting.broker, measured, [start]);
    const [ringAfter, brokerAfter] = [setting.ringCpu(), await setting.broker.cpu()];
    this.note(who, rate, micros, (ringAfter - ring) / count, (brokerAfter - broker) / count);
  }

  private note(who: Contestant, rate: number, micros: number, ringMicros: number, brokerMicros: number): void {
    const series = this.found.get(who) ?? new Series();
    this.found.set(who, series);
    series.rate.push(rate);
    series.micros.push(micros);
    series.ringMicros.push(ringMicros);
    series.brokerMicros.push(brokerMicros);
    this.context.log(
      `  ${who.padEnd(20)} ${String(Math.round(rate)).padStart(6)}/s; CPU a row: ${Math.round(micros)} us its own, ` +
        `${Math.round(ringMicros)} us the ring's, ${Math.round(brokerMicros)} us the broker's`,
    );
  }

  private part(): Part {
    const { pipelineTen, pipelineHundred, ...ratios } = this.ratios();
    const part: Part = {
      ratios: {
        pipelineOverBothHalvesTen: atLeast(pipelineTen, LEAST_OF_HALVES),
        pipelineOverBothHalvesHundred: atLeast(pipelineHundred, LEAST_OF_HALVES),
        mebibytesOfTheWorker: atMost(round(this.peak), MOST_MEBIBYTES),
      },
      figures: {},
      why: {
        pipelineOverBothHalvesTen: () => profileOf(TEN),
        pipelineOverBothHalvesHundred: () => profileOf(LOADS[0].partitions),
      },
    };
    for (const { name, partitions, least } of LOADS) {
      part.ratios[`pipelineOverNaive${name}`] = atLeast(ratios[`over${name}`], least);
      part.why[`pipelineOverNaive${name}`] = () => profileOf(partitions);
    }
    for (const [who, series] of this.found) {
      part.figures[`${who}PerSecond`] = Math.round(median(series.rate));
      part.figures[`${who}CpuMicrosPerRow`] = round(median(series.micros));
      if (who !== "client") part.figures[`${who}RingCpuMicrosPerRow`] = round(median(series.ringMicros));
    }
    return part;
  }

  /** Of each round by itself: what disturbs one disturbs both sides of it. */
  private ratios(): { [name in "pipelineTen" | "pipelineHundred" | `over${Load}`]: number } {
    const over = (load: Load) => this.perRound(`pipeline${load}`, (rate, i) => rate / this.rate(`naive${load}`, i));
    const overHalves = (who: Contestant) =>
      this.perRound(who, (rate, i) => rate / (1 / (1 / this.rate("client", i) + 1 / this.rate("driver", i))));
    return {
      pipelineTen: overHalves("pipelineTen"),
      pipelineHundred: overHalves("pipelineHundred"),
      overHundred: over("Hundred"),
      overTenThousand: over("TenThousand"),
      overOwn: over("Own"),
    };
  }

  private perRound(who: Contestant, of: (rate: number, round: number) => number): number {
    return median((this.found.get(who)?.rate ?? []).map(of));
  }

  private rate(who: Contestant, i: number): number {
    return this.found.get(who)?.rate[i] ?? Number.NaN;
  }

  private middle(who: Contestant, what: keyof Series): number {
    return median(this.found.get(who)?.[what] ?? []);
  }
}

/** Where the worker's time goes. */
function profileOf(partitions: number): Promise<string[]> {
  return profiled("cpu", async (execArgv) => {
    const setting = await Setting.open();
    try {
      await setting.table("profiled");
      await setting.fill("profiled", PROFILED, partitions);
      const worker = await setting.worker("profiled")(setting.broker, execArgv);
      try {
        await until(setting.broker, 0, [worker]);
      } finally {
        await worker.close();
      }
    } finally {
      await setting.close();
    }
  });
}

function tableOf(who: "pipeline" | "naive", load: Load): string {
  return `${who}_${load.toLowerCase()}`;
}
