import { describe, expect, it } from "vitest";
import type { WorkerAlertsArgs } from "../../../components/worker/index.js";
import {
  ALERTS,
  type AlertKey,
  alertProblems,
  alertsSpec,
  type Rule,
} from "../../../components/worker/monitoring/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { monitoredRing, monitoredWith } from "./monitored.js";

const of = monitoredRing();
const rulesOf = (alerts: WorkerAlertsArgs, monitored = of): Rule[] =>
  alertsSpec(monitored, { namespace: "monitoring", alerts }).groups.flatMap(({ rules }) => rules);
const keys = Object.keys(ALERTS) as AlertKey[];
const ruleOf = (key: AlertKey, told: object): Rule | undefined =>
  rulesOf({ [key]: told }).find(({ alert }) => alert === ALERTS[key].alert);

/** What each alert may be told beyond what all have. */
const TIMES: AlertKey[] = ["noProgress", "deadLetterAge", "queueAge", "tokenExpiring"];
const EVENTS: AlertKey[] = [
  "recycled",
  "restarts",
  "deadLetters",
  "lockLost",
  "tokenRefresh",
  "storeOverloaded",
  "outOfTime",
];
const WINDOWS: AlertKey[] = [...EVENTS, "retries", "audit"];

describe("an alert's options", () => {
  it.each(keys)("%s: is turned off, is told how long, and whom it tells", (key) => {
    expect(ruleOf(key, {})).toBeDefined();
    expect(ruleOf(key, { enabled: false })).toBeUndefined();
    expect(rulesOf({ [key]: { enabled: false } })).toHaveLength(keys.length - 1);
    expect(ruleOf(key, { forSeconds: 1234 })).toMatchObject({ for: "1234s" });
    expect(ruleOf(key, { severity: "page" })).toMatchObject({ labels: { severity: "page" } });
  });

  it.each([
    ...TIMES.map((key) => [key, { thresholdSeconds: 4321 }]),
    ...EVENTS.map((key) => [key, { threshold: 4321 }]),
    ["retries", { thresholdPercent: 4321 }],
    ["hotPartition", { thresholdPercent: 4321 }],
  ] as [AlertKey, object][])("%s: is raised at another figure", (key, told) => {
    expect(ruleOf(key, {})?.expr).not.toContain("4321");
    expect(ruleOf(key, told)?.expr).toMatch(/[<>] 4321\b/);
  });

  it.each(WINDOWS)("%s: looks over another stretch, never over fewer than four readings", (key) => {
    expect(ruleOf(key, { windowSeconds: 4321 })?.expr).toContain("[4321s]");
    const rare = rulesOf({ [key]: { windowSeconds: 60 } }, { ...of, intervalSeconds: 300 });
    expect(rare.find(({ alert }) => alert === ALERTS[key].alert)?.expr).toContain("[1200s]");
  });

  it("follows the pipeline's own time without progress", () => {
    const { pipeline } = of;
    const slow = { ...pipeline, delivery: { ...pipeline.delivery, noProgressSeconds: 3333 } };
    expect(rulesOf({}, { ...of, pipeline: slow })[0]?.expr).toContain("> 3333");
  });

  it("leaves out what a pipeline has not, and the absence of workers that may be absent", () => {
    const { audit: _, ...pipeline } = of.pipeline;
    const names = (changed: object) => rulesOf({}, { ...of, ...changed }).map(({ alert }) => alert);
    expect(names({ pipeline })).not.toContain("StowageAuditStalled");
    expect(names({ identity: false }).filter((name) => name.includes("Token"))).toEqual([]);
    const elsewhere = monitoredWith(false).pipeline;
    expect(names({ pipeline: elsewhere })).toHaveLength(keys.length - 3);
    expect(names({ mayBeEmpty: true })).not.toContain("StowageWorkerAbsent");
    const asked = rulesOf({ absent: { enabled: true } }, { ...of, mayBeEmpty: true });
    expect(asked.map(({ alert }) => alert)).toContain("StowageWorkerAbsent");
  });

  it("refuses to be told of what a pipeline has not", () => {
    const { audit: _, ...pipeline } = of.pipeline;
    const alerts = { audit: { forSeconds: 60 }, tokenRefresh: {}, tokenExpiring: { enabled: false } };
    expect(alertProblems(monitoredWith(false), { hotPartition: {} }).map(formatProblem)).toEqual([
      "alerts.hotPartition: goes with a cassandra sink, which this pipeline does not have (found {}). Remove it",
    ]);
    expect(alertProblems({ ...of, pipeline, identity: false }, alerts).map(formatProblem)).toEqual([
      "alerts.tokenRefresh: goes with workers that log in, which these do not: their bus is a development emulator (found {}). Remove it",
      'alerts.audit: goes with the pipeline\'s audit, which there is none of (found {"forSeconds":60}). Remove it',
    ]);
    expect(alertProblems(of, alerts)).toEqual([]);
  });
});
