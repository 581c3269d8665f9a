import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { ALERTS, alertsSpec, messageAgeSpec, type Rule } from "../../../components/worker/monitoring/index.js";
import { runCommand } from "../../../stacks/local/engine/command.js";
import { type PrometheusPrograms, prometheusPrograms } from "../../support/prometheus.js";
import { type AlertCase, CASES, HEALTHY, JUDGED_AT, type Readings } from "./cases.js";
import { monitoredRing } from "./monitored.js";

const of = monitoredRing();
const monitoring = { namespace: "monitoring", alerts: {}, messageAge: { thresholdSeconds: 900 } };
const groups = [...alertsSpec(of, monitoring).groups, ...messageAgeSpec(of, monitoring).groups];
const rules = groups.flatMap((group) => group.rules);
const OWN = { namespace: "stowage", pipeline: "renders" };

/** `name{a=1}` with the labels that every reading of a worker has. */
function inputSeries(readings: Readings): { series: string; values: string }[] {
  return Object.entries(readings).flatMap(([series, values]) => {
    const [, name, own = ""] = /^(\w+)\{(.*)\}$/.exec(series) ?? [];
    const labels = [...Object.entries(OWN).map((entry) => entry.join("=")), "pod=renders-0", ...own.split(",")]
      .filter((label) => label !== "")
      .map((label) => label.replace("=", '="').concat('"'));
    return values === undefined ? [] : [{ series: `${name}{${labels.join(",")}}`, values }];
  });
}

/** What the rule says of one case: its texts with the labels and the value put in. */
function expected({ labels, annotations }: Rule, { labels: own = {}, shown = "" }: AlertCase["fires"][number]) {
  const text = (template: string) =>
    template.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => own[label] ?? "").replaceAll(/\{\{.*?\}\}/g, shown);
  return {
    exp_labels: { ...OWN, ...labels, ...own },
    exp_annotations: Object.fromEntries(Object.entries(annotations).map(([name, each]) => [name, text(each)])),
  };
}

/** The case as promtool takes it: every alert is judged, those too that must be silent. */
function testOf({ what, readings, fires }: AlertCase) {
  return {
    name: what,
    interval: "30s",
    input_series: inputSeries({ ...HEALTHY, ...readings }),
    alert_rule_test: rules.map((rule) => ({
      eval_time: JUDGED_AT,
      alertname: rule.alert,
      exp_alerts: fires.filter(({ alert }) => alert === rule.alert).map((firing) => expected(rule, firing)),
    })),
  };
}

describe("the alerts, judged by promtool", () => {
  let programs: PrometheusPrograms | undefined;
  let missing = "";
  const folder = mkdtempSync(join(tmpdir(), "stowage-promtool-"));
  beforeAll(async () => {
    const found = await prometheusPrograms();
    if ("missing" in found) missing = found.missing;
    else programs = found;
    writeFileSync(join(folder, "rules.yml"), stringify({ groups }));
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function promtool(...args: string[]): Promise<{ code: number | null; words: string }> {
    const command = { cwd: folder, env: process.env, limitMs: 30_000 };
    const { code, stdout, stderr } = await runCommand(programs?.promtool ?? "", args, command);
    return { code, words: `${stdout}${stderr}` };
  }

  it("are rules that Prometheus reads", async ({ skip }) => {
    if (programs === undefined) skip(missing);
    const { code, words } = await promtool("check", "rules", "rules.yml");
    expect(words).toContain(`${rules.length} rules found`);
    expect(code, words).toBe(0);
  });

  it("have a case for each, in which it fires", () => {
    const fired = new Set(CASES.flatMap(({ fires }) => fires.map(({ alert }) => alert)));
    expect([...fired].sort()).toEqual([...Object.values(ALERTS).map(({ alert }) => alert), "StowageMessageAge"].sort());
  });

  it.for(CASES)("$what: exactly what should fires, and says what it should", async (each, { skip }) => {
    if (programs === undefined) skip(missing);
    const file = `${CASES.indexOf(each)}.yml`;
    const suite = { rule_files: ["rules.yml"], evaluation_interval: "60s", tests: [testOf(each)] };
    writeFileSync(join(folder, file), stringify(suite));
    const { code, words } = await promtool("test", "rules", file);
    expect(words).toMatch(/SUCCESS/);
    expect(code).toBe(0);
  });

  it("would not pass a case whose alert does not fire", async ({ skip }) => {
    if (programs === undefined) skip(missing);
    const [first] = rules;
    const wrong = testOf({ what: "wrong", readings: {}, fires: [{ alert: first?.alert ?? "" }] });
    writeFileSync(join(folder, "wrong.yml"), stringify({ rule_files: ["rules.yml"], tests: [wrong] }));
    expect((await promtool("test", "rules", "wrong.yml")).code).not.toBe(0);
  });
});
