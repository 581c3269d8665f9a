import { type MonitoredPipeline, POOLED } from "./promql.js";

/** What decides whether an alert can be. */
export type AlertedPipeline = Pick<MonitoredPipeline, "pipeline" | "identity">;

/** When an alert is raised. */
export interface AlertLimits {
  /** In the alert's own unit: seconds, events or percent. */
  threshold: number;
  windowSeconds: number;
}

/** What an alert says to who is woken by it. */
export interface AlertTexts {
  [annotation: string]: string;
  /** What is the case. */
  summary: string;
  /** What it means. */
  description: string;
  /** What to do. */
  action: string;
}

/** An alert, as the table below has it. */
export interface AlertDefinition {
  alert: string;
  defaults: {
    threshold?: (of: MonitoredPipeline) => number;
    windowSeconds?: number;
    forSeconds: number;
    severity: "warning" | "critical";
  };
  /** Why it cannot be, of a pipeline that lacks what it reads. */
  needs?: (of: AlertedPipeline) => string | undefined;
  /** True where it is off unless somebody turns it on. */
  quiet?: (of: MonitoredPipeline) => boolean;
  expr: (of: MonitoredPipeline, limits: AlertLimits) => string;
  texts: (of: MonitoredPipeline, limits: AlertLimits) => AlertTexts;
}

/** A threshold that is the same for every pipeline. */
export const fixed = (value: number) => () => value;
/** What holds of the pipeline as a whole. */
export const pooled = (how: "max" | "min", of: string) => `${how} by (${POOLED}) (${of})`;
