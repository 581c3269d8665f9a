import type { LinstorApi } from "./api.js";
import { History, storeName } from "./history.js";

/** How long the history of a deleted volume is kept, in days: twice the 14 days that a message lives on the Basic tier. */
export const RETENTION_DAYS = 28;
/** Days before the limit that are looked at, for a worker that was away. */
const DAYS_BACK = 7;
/** Histories that one sweep takes away at most. */
const SWEEP_AT_MOST = 50;
/** A worker sweeps at most so often, in milliseconds. */
const SWEEP_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** `stowage_deleted_20261121`: the volumes that were deleted on that day. */
function dayStore(time: number): string {
  return `stowage_deleted_${new Date(time).toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/**
 * Forgets the histories of volumes that are long deleted: else LINSTOR would keep one for every name that was ever
 * used. A volume that was made anew meanwhile keeps its history.
 */
export class Retention {
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly api: LinstorApi,
    private readonly now: () => Date,
  ) {}

  /** Notes that a volume was deleted today. */
  async deleted(volume: string, signal: AbortSignal): Promise<void> {
    const time = this.now().getTime();
    await this.api.changeStore(dayStore(time), { set: { [storeName(volume)]: volume } }, signal);
  }

  /** Takes old histories away, at most once an hour and a bounded number of them; gives their volumes. */
  async sweep(signal: AbortSignal): Promise<string[]> {
    const time = this.now().getTime();
    if (time - this.sweptAt < SWEEP_EVERY_MS) return [];
    this.sweptAt = time;
    const forgotten: string[] = [];
    for (let back = 1; back <= DAYS_BACK && forgotten.length < SWEEP_AT_MOST; back++)
      forgotten.push(...(await this.sweepDay(time, back, SWEEP_AT_MOST - forgotten.length, signal)));
    return forgotten;
  }

  private async sweepDay(time: number, back: number, atMost: number, signal: AbortSignal): Promise<string[]> {
    const store = dayStore(time - (RETENTION_DAYS + back) * DAY_MS);
    const entries = Object.entries((await this.api.store(store, signal)) ?? {});
    const forgotten: string[] = [];
    for (const [instance, volume] of entries.slice(0, atMost)) {
      const history = await History.load(this.api, volume, this.now, signal);
      const used =
        (await this.api.definition(volume, signal)) !== undefined ||
        history.lastChange > time - RETENTION_DAYS * DAY_MS;
      if (!used) {
        await this.api.deleteStore(instance, signal);
        forgotten.push(volume);
      }
      await this.api.changeStore(store, { remove: [instance] }, signal);
    }
    if (entries.length > 0 && entries.length <= atMost) await this.api.deleteStore(store, signal);
    return forgotten;
  }
}
