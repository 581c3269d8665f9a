import { type Clock, within } from "../support/clock.js";
import { errorCode, errorText } from "./errors.js";
import type { PeekedMessage } from "./peeker.js";

/** What the watchdog looks at, and what it may do. Times in milliseconds. */
export interface WatchdogOptions {
  /** Messages received so far; any change is progress. */
  received(): number;
  /** True while the worker has asked for messages and could take one: it is not full, not refused, and its store is up. */
  wanting(): boolean;
  /** The oldest message that is there, waiting or locked by whoever works on it. */
  peekOldest(): Promise<PeekedMessage | undefined>;
  /** Replaces the receivers. */
  recycleReceivers(): Promise<void>;
  /** Replaces the client and all that came of it. */
  recycleClient(): Promise<void>;
  /** Nothing helped: the process is to end. */
  giveUp(reason: string): void;
  /** Told of each step, for log and metrics. */
  stepped(what: "receiver" | "client", reason: string): void;
  clock: Clock;
  /** The pipeline's `noProgressSeconds`: the time between two steps. */
  noProgressMilliseconds: number;
  /** The entity's lock duration. */
  lockMilliseconds: number;
  /** How long one worker may hold a message at most: by the pipeline, for all of its workers. */
  maxHoldMilliseconds: number;
}

/** Looks within the time of one step: often enough to see a message come and go. */
const LOOKS_PER_STEP = 6;
/** A look is given up after this share of the time between two: a connection that has died does not answer. */
const LOOK_SHARE = 0.8;
const SHORTEST_LOOK_MILLISECONDS = 500;

/** What the last looks have found: since when the same message is there, or since when no look succeeds. */
type Seen =
  | { kind: "nothing" }
  | { kind: "waiting"; sequenceNumber: string; since: number }
  | { kind: "blind"; error: string; since: number };

/**
 * Sees to it that messages which wait are received. A receiver of the client may stop without a word; only this tells
 * that from an empty entity: the worker wants messages, gets none, and the same one is there for longer than two locks
 * (or nobody answers a look at all). Then the receivers are replaced, after as long again the client, and after as long
 * again the process ends. What another worker holds looks the same from here, so that the end waits for as long as any
 * worker of this pipeline may hold a message; the two steps before it cost nothing.
 */
export class Watchdog {
  private callOff: (() => void) | undefined;
  private step = 0;
  /** When the last message came, or the last step was made, or messages began to be wanted. */
  private quietSince: number;
  private count: number;
  private seen: Seen = { kind: "nothing" };
  private stopped = false;
  /** A look, or a step, takes longer than the time between two. */
  private busy = false;

  constructor(private readonly options: WatchdogOptions) {
    this.quietSince = options.clock.now();
    this.count = options.received();
  }

  start(): void {
    this.reset();
    this.plan();
  }

  stop(): void {
    this.stopped = true;
    this.callOff?.();
  }

  private get interval(): number {
    return this.options.noProgressMilliseconds / LOOKS_PER_STEP;
  }

  private plan(): void {
    if (this.stopped) return;
    this.callOff = this.options.clock.after(this.interval, () => {
      this.plan();
      if (this.busy) return;
      this.busy = true;
      void this.tick().finally(() => {
        this.busy = false;
      });
    });
  }

  private reset(): void {
    this.step = 0;
    this.quietSince = this.options.clock.now();
    this.seen = { kind: "nothing" };
  }

  /** Never rejects. */
  private async tick(): Promise<void> {
    const { received, wanting } = this.options;
    const count = received();
    const came = count !== this.count;
    this.count = count;
    if (came || !wanting()) return this.reset();
    await this.look();
    if (this.stopped || received() !== this.count || !wanting()) return;
    const reason = this.alarm();
    if (reason !== undefined) await this.act(reason);
  }

  /** Why it is time for the next step; undefined where it is not. */
  private alarm(): string | undefined {
    const { clock, noProgressMilliseconds, lockMilliseconds } = this.options;
    const { seen } = this;
    const quiet = clock.now() - this.quietSince;
    if (seen.kind === "nothing" || quiet < noProgressMilliseconds) return undefined;
    const there = clock.now() - seen.since;
    if (seen.kind === "waiting" && there <= 2 * lockMilliseconds) return undefined;
    const seconds = (milliseconds: number): number => Math.round(milliseconds / 1000);
    return seen.kind === "waiting"
      ? `message ${seen.sequenceNumber} is there for ${seconds(there)} s at least, and nothing came for ${seconds(quiet)} s`
      : `nothing came for ${seconds(quiet)} s, and for ${seconds(there)} s no look at the entity succeeds: ${seen.error}`;
  }

  private async act(reason: string): Promise<void> {
    const { clock, recycleReceivers, recycleClient, giveUp, stepped } = this.options;
    // Whoever cannot even look has no use for other receivers on the same connection.
    const step = this.step === 0 && this.seen.kind === "blind" ? 1 : this.step;
    if (step >= 2) {
      if (this.mayBeAnothers()) return;
      this.stopped = true;
      return giveUp(`${reason}; new receivers and a new client did not help`);
    }
    this.step = step + 1;
    this.quietSince = clock.now();
    stepped(step === 0 ? "receiver" : "client", reason);
    try {
      await (step === 0 ? recycleReceivers() : recycleClient());
    } catch {
      // What could not be replaced is replaced at the next step, or by the next process.
    }
  }

  /** True while another worker may be holding the message, as long as the pipeline lets it. */
  private mayBeAnothers(): boolean {
    const { clock, maxHoldMilliseconds, lockMilliseconds } = this.options;
    return this.seen.kind === "waiting" && clock.now() - this.seen.since <= maxHoldMilliseconds + 2 * lockMilliseconds;
  }

  private async look(): Promise<void> {
    const { clock, peekOldest } = this.options;
    const limit = Math.max(SHORTEST_LOOK_MILLISECONDS, this.interval * LOOK_SHARE);
    const began = clock.now();
    try {
      const oldest = await within(clock, limit, peekOldest(), "no answer in time");
      if (oldest === undefined) this.seen = { kind: "nothing" };
      else if (this.seen.kind !== "waiting" || this.seen.sequenceNumber !== oldest.sequenceNumber)
        this.seen = { kind: "waiting", sequenceNumber: oldest.sequenceNumber, since: began };
    } catch (error) {
      const words = `${errorCode(error)}: ${errorText(error)}`;
      const since = this.seen.kind === "blind" ? this.seen.since : began;
      this.seen = { kind: "blind", error: words, since };
    }
  }
}
