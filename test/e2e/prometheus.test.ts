import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  alertsSpec,
  type MonitoredPipeline,
  messageAgeSpec,
  type RuleGroups,
} from "../../components/worker/monitoring/index.js";
import { PrometheusServer, prometheusPrograms } from "../support/prometheus.js";
import { seriesIn } from "../unit/dashboards/expressions.js";
import { panelExpressions } from "../unit/dashboards/monitored.js";
import { MonitoredWorld } from "./prometheusWorld.js";
import { until } from "./workerKit.js";
import { buildBundle } from "./workerProcess.js";

/** Series that a run without such troubles rightly does not have: each with the reason. Everything else must be there. */
const RIGHTLY_EMPTY: { series: RegExp; reason: string }[] = [
  { series: /^stowage_recycles_total\{/, reason: "no receiver stood still, so that the watchdog replaced none" },
  { series: /^stowage_token_refreshes_total\{.*result="failed"/, reason: "no token was refused" },
  { series: /^stowage_retries_total\{.*code="AuditUnavailable"/, reason: "every audit record could be written" },
];

/** Alerts that the messages of this run are made to raise; every other must be silent. */
const RAISED = ["StowageDeadLetters", "StowageLockShort"];

/** What Grafana puts in for its variables: every pod, and a stretch with enough readings. */
const grafana = (expr: string) => expr.replaceAll("$pod", ".*").replaceAll("$__rate_interval", "120s");

const monitoring = {
  namespace: "monitoring",
  alerts: { lockShort: { forSeconds: 0 } },
  messageAge: { thresholdSeconds: 900 },
};
const rulesOf = (of: MonitoredPipeline): RuleGroups["groups"] => [
  ...alertsSpec(of, monitoring).groups,
  ...messageAgeSpec(of, monitoring).groups,
];

describe("dashboards and alerts over a real Prometheus that reads real workers", () => {
  const world = new MonitoredWorld();
  let server: PrometheusServer | undefined;
  let missing = "";

  beforeAll(async () => {
    const programs = await prometheusPrograms();
    if ("missing" in programs) {
      missing = programs.missing;
      return;
    }
    await buildBundle();
    await world.open();
    const groups = world.monitored.flatMap(rulesOf);
    server = await PrometheusServer.start(programs, world.targets, { groups });
    const prometheus = server;
    const total = async (series: string) => (await prometheus.query(`sum(${series})`))[0]?.value ?? 0;
    // It begins to read some seconds after its start: what happened before would be no rate.
    await until("both workers are read", async () => (await total("up")) === world.targets.length, 20);
    await world.send(["ok", "retry", "down", "slow", "reply", "poison"]);
    await until("all is settled", async () => (await total('stowage_messages_total{outcome="done"}')) >= 10, 40);
    const named = async (series: string) => (await prometheus.query(`count by (pipeline) (${series})`)).length;
    await world.refuse(async () => (await named("stowage_receiver_errors_total")) >= world.monitored.length);
    for (const series of ["stowage_dead_letter_oldest_age_seconds", "stowage_queue_messages"])
      await until(`${series} is observed`, async () => (await named(series)) >= world.monitored.length, 40);
    await until(
      "rates have readings",
      async () => (await named("rate(stowage_receiver_errors_total[120s])")) >= world.monitored.length,
    );
  }, 240_000);

  afterAll(async () => {
    await server?.stop();
    await world.close();
  });

  const emptyFor = (series: string) => RIGHTLY_EMPTY.find((each) => each.series.test(series));

  it("every panel's expression is executed and gives data, or is rightly empty", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    const empty: string[] = [];
    for (const of of world.monitored)
      for (const { panel, expr } of panelExpressions(of)) {
        const found = await server.query(grafana(expr));
        const rightly = seriesIn(grafana(expr)).some(({ text }) => emptyFor(text) !== undefined);
        if (found.length === 0 && !rightly) empty.push(`${of.pipeline.name}: ${panel}: ${expr}`);
        for (const { value } of found) expect(value, `${panel}: ${expr}`).not.toBeNaN();
      }
    expect(empty).toEqual([]);
  });

  it("every alert's expression is executed, over series that are there, or rightly are not", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    const empty: string[] = [];
    for (const of of world.monitored)
      for (const { alert, expr } of rulesOf(of).flatMap(({ rules }) => rules)) {
        await server.query(expr);
        for (const { text } of seriesIn(expr))
          if ((await server.query(text)).length === 0 && emptyFor(text) === undefined) empty.push(`${alert}: ${text}`);
      }
    expect(empty).toEqual([]);
  });

  it("what is listed as rightly empty is empty, so that the list does not outlive its reasons", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    const named = world.monitored.flatMap((of) => [
      ...panelExpressions(of).map(({ expr }) => grafana(expr)),
      ...rulesOf(of).flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ]);
    const texts = new Set(named.flatMap(seriesIn).map(({ text }) => text));
    for (const { series } of RIGHTLY_EMPTY) {
      const matching = [...texts].filter((text) => series.test(text));
      expect(matching.length, String(series)).toBeGreaterThan(0);
      for (const text of matching) expect(await server.query(text), text).toEqual([]);
    }
  });

  it("Prometheus judges every alert by itself, and raises those that this run is made to raise", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    const prometheus = server;
    const firing = async () => {
      const alerts = await prometheus.alerts();
      expect(alerts.filter(({ health }) => health !== "ok")).toEqual([]);
      return [...new Set(alerts.filter(({ state }) => state === "firing").map(({ name }) => name))].sort();
    };
    await until("the alerts fire", async () => (await firing()).length >= RAISED.length, 20);
    expect(await firing()).toEqual(RAISED);
  });
});
