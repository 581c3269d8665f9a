import type { Problem } from "../../../runtime/contract/index.js";
import { problem } from "../../../runtime/contract/index.js";
import type {
  EventAlertArgs,
  ShareAlertArgs,
  StateAlertArgs,
  TimeAlertArgs,
  WorkerAlertsArgs,
  WorkerMonitoringArgs,
} from "../monitoringArgs.js";
import type { AlertDefinition, AlertedPipeline, AlertLimits } from "./alertParts.js";
import { ALERTS, type AlertKey } from "./alerts.js";
import { messageAgeRule } from "./messageAge.js";
import { type MonitoredPipeline, windowOf } from "./promql.js";

/** An alerting rule, as Prometheus reads it. */
export interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: { [name: string]: string };
  annotations: { [name: string]: string };
}

/** What an alert may be told, whichever it is; each has some of these alone. */
type Told = Partial<TimeAlertArgs & EventAlertArgs & ShareAlertArgs>;

const definitions = Object.entries(ALERTS) as [AlertKey, AlertDefinition][];

/** The alerts of a pipeline that apply to it and are not turned off, in the order of the table. */
export function alertRules(of: MonitoredPipeline, alerts: WorkerAlertsArgs): Rule[] {
  return definitions.flatMap(([key, definition]) => {
    const told: Told = alerts[key] ?? {};
    const applies = definition.needs?.(of) === undefined && definition.quiet?.(of) !== true;
    return (told.enabled ?? applies) ? [rule(of, definition, told)] : [];
  });
}

function rule(of: MonitoredPipeline, definition: AlertDefinition, told: Told): Rule {
  const { alert, defaults, expr, texts } = definition;
  const { threshold = defaults.threshold?.(of) ?? 0, windowSeconds = defaults.windowSeconds ?? 0 } = told;
  const limits: AlertLimits = {
    threshold: told.thresholdSeconds ?? told.thresholdPercent ?? threshold,
    windowSeconds: windowOf(windowSeconds, of.intervalSeconds),
  };
  return {
    alert,
    expr: expr(of, limits),
    for: `${told.forSeconds ?? defaults.forSeconds}s`,
    labels: { severity: told.severity ?? defaults.severity },
    annotations: texts(of, limits),
  };
}

/** What a rule file of Prometheus holds. */
export interface RuleGroups {
  groups: { name: string; rules: Rule[] }[];
}

/** The alert on the age of messages, in a rule object of its own. */
export function messageAgeSpec(of: MonitoredPipeline, { messageAge }: WorkerMonitoringArgs): RuleGroups {
  const rules = messageAge === undefined ? [] : [messageAgeRule(of, messageAge)];
  return { groups: [{ name: `stowage-${of.pipeline.name}`, rules }] };
}

/** The other alerts, in one rule object. */
export function alertsSpec(of: MonitoredPipeline, { alerts }: WorkerMonitoringArgs): RuleGroups {
  const rules = alerts === undefined ? [] : alertRules(of, alerts);
  return { groups: [{ name: `stowage-${of.pipeline.name}-alerts`, rules }] };
}

/** Why an alert cannot be, of a pipeline that lacks what it reads; undefined where it can. */
export function alertNeed(key: AlertKey, of: AlertedPipeline): string | undefined {
  return ALERTS[key].needs?.(of);
}

/** Problems of alerts with what the pipeline is; paths are from the monitoring. */
export function alertProblems(of: AlertedPipeline, alerts: WorkerAlertsArgs): Problem[] {
  return definitions.flatMap(([key, { needs }]) => {
    const told: StateAlertArgs | undefined = alerts[key];
    const why = told === undefined || told.enabled === false ? undefined : needs?.(of);
    return why === undefined ? [] : [problem(`alerts.${key}`, told, why, "Remove it")];
  });
}
