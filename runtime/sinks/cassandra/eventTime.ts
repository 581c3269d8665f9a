import {
  DEFAULT_FUTURE_SKEW,
  durationSeconds,
  maxAgeSeconds,
  OutOfTime,
  type PoisonOutcome,
  PoisonReason,
  type TableDefinition,
  timeToLiveSeconds,
} from "../../contract/index.js";
import { LONGEST_TIME_TO_LIVE } from "./cql.js";
import type { Row } from "./mapping.js";

/** Largest distance from 1970 that a Date can hold, in milliseconds (ECMAScript). */
const DATE_LIMIT = 8.64e15;

/** Why a row is not written, and the message's outcome where it is poison for it. */
export type TimeVerdict =
  | { why: typeof OutOfTime.Expired }
  | { why: typeof OutOfTime.Ahead | typeof OutOfTime.TooOld; poison: PoisonOutcome };

const EXPIRED: TimeVerdict = { why: OutOfTime.Expired };

/**
 * What a table takes by the time of the event. The event's own time counts, not the message's: a replay is judged like
 * the first delivery would be now.
 */
export class TimeRules {
  private readonly skew: number;
  private readonly maxAge: number | undefined;
  private readonly timeToLive: number;
  private readonly deletes: boolean;

  constructor(table: TableDefinition) {
    this.skew = durationSeconds(table.from.maxFutureSkew ?? DEFAULT_FUTURE_SKEW);
    this.maxAge = maxAgeSeconds(table);
    this.timeToLive = timeToLiveSeconds(table);
    this.deletes = table.from.deletes !== undefined;
  }

  /** Why the row must not be written now, in milliseconds since 1970; undefined where it may be. */
  refuses(row: Pick<Row, "eventTime" | "change">, now: number): TimeVerdict | undefined {
    const age = now - row.eventTime;
    if (age < -this.skew * 1000)
      return {
        why: OutOfTime.Ahead,
        poison: outOfRange(
          `The event's time, ${timeText(row.eventTime)}, lies ${seconds(-age)} ahead of the worker's clock; ` +
            `at most ${this.skew} s are taken (maxFutureSkew), since such a write would hide every later one.`,
        ),
      };
    if (this.maxAge !== undefined && age > this.maxAge * 1000)
      return { why: OutOfTime.TooOld, poison: outOfRange(this.tooOld(row.eventTime, age, this.maxAge)) };
    return row.change === "write" && this.secondsLeft(row, now) === undefined ? EXPIRED : undefined;
  }

  /**
   * Seconds that a row has left to live, 0 for ever; undefined where that is over. Counted between whole seconds, as the
   * nodes count: written again at any time, the row ends in the same second.
   */
  secondsLeft({ eventTime }: Pick<Row, "eventTime">, now: number): number | undefined {
    if (this.timeToLive === 0) return 0;
    const left = Math.floor(eventTime / 1000) + this.timeToLive - Math.floor(now / 1000);
    return left > 0 ? Math.min(left, LONGEST_TIME_TO_LIVE) : undefined;
  }

  private tooOld(eventTime: number, age: number, limit: number): string {
    const why = this.deletes ? "maxAge, or gcGrace: older than that, a deletion is forgotten" : "maxAge";
    return `The event's time, ${timeText(eventTime)}, lies ${seconds(age)} back; at most ${limit} s are taken (${why}).`;
  }
}

function outOfRange(description: string): PoisonOutcome {
  return { kind: "poison", reason: PoisonReason.EventTimeOutOfRange, description };
}

function seconds(milliseconds: number): string {
  return `${Math.ceil(milliseconds / 1000)} s`;
}

function timeText(milliseconds: number): string {
  return Math.abs(milliseconds) <= DATE_LIMIT ? new Date(milliseconds).toISOString() : `${milliseconds} ms`;
}
