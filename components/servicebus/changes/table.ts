import { type ChangeEffect, type ChangeViolation, violation } from "./violation.js";

/** What a change of one setting does, in words that follow what it was. */
export interface Finding {
  effect: ChangeEffect;
  reason: string;
  fix: string;
}

/** Says what a change of a setting does; undefined where it does nothing but what was asked for. */
export type Judge<V, T> = (old: V | undefined, now: V | undefined, before: T, after: T) => Finding | undefined;

/** A row for every setting of an args interface: one that is added and forgotten here does not compile. */
export type ChangeTable<T> = { [K in keyof T]-?: Judge<NonNullable<T[K]>, T> };

/** A change that does what was asked for and nothing else. */
export const harmless = (): undefined => undefined;

/** A row that judges only what has changed, with the default in place of what is not stated. */
export function changed<V, T>(
  otherwise: V | undefined,
  finding: (old: V | undefined, now: V | undefined, before: T, after: T) => Finding | undefined,
): Judge<V, T> {
  return (old, now, before, after) => {
    const [was, is] = [old ?? otherwise, now ?? otherwise];
    return was === is ? undefined : finding(was, is, before, after);
  };
}

/** A row for a number that does harm where it becomes smaller. Without a default there is no limit. */
export function lowered<T>(
  otherwise: number | undefined,
  finding: (old: number | undefined, now: number, before: T, after: T) => Finding | undefined,
): Judge<number, T> {
  return changed<number, T>(otherwise, (old, now, before, after) =>
    now !== undefined && (old === undefined || now < old) ? finding(old, now, before, after) : undefined,
  );
}

/** Judges every setting of one thing by its table. */
export function judged<T extends object>(table: ChangeTable<T>, path: string, before: T, after: T): ChangeViolation[] {
  return (Object.keys(table) as (keyof T & string)[]).flatMap((key) => {
    const judge = table[key] as Judge<unknown, T>;
    const finding = judge(before[key], after[key], before, after);
    if (finding === undefined) return [];
    const was = before[key] === undefined ? "left out" : JSON.stringify(before[key]);
    return [violation(finding.effect, `${path}.${key}`, after[key], `was ${was}: ${finding.reason}`, finding.fix)];
  });
}
