import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  ALERTS,
  alertsSpec,
  dashboard,
  messageAgeSpec,
  panelRows,
} from "../../../components/worker/monitoring/index.js";
import { METRICS, type MetricDefinition } from "../../../runtime/contract/index.js";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { groupedBy, seriesIn } from "./expressions.js";
import { monitoredKinds, monitoredRing, monitoredWith, panelExpressions } from "./monitored.js";

/** What Prometheus's operator gives every reading, and what the worker gives every metric. */
const EVERYWHERE = ["namespace", "pod", "pipeline", "sink"];
const SUFFIXES = { bucket: ["le"], sum: [], count: [] };
const catalogue: { [name: string]: MetricDefinition } = METRICS;

const monitoring = { namespace: "monitoring", alerts: {}, messageAge: { thresholdSeconds: 900 } };
const all = monitoredKinds().flatMap((of) => [
  ...panelExpressions(of).map(({ panel, expr }) => ({ where: `panel ${panel}`, expr })),
  ...[...alertsSpec(of, monitoring).groups, ...messageAgeSpec(of, monitoring).groups].flatMap(({ rules }) =>
    rules.map(({ alert, expr }) => ({ where: `alert ${alert}`, expr })),
  ),
]);

/** A metric's definition and the labels of this series of it; undefined where no worker makes it. */
function made(name: string): { definition: MetricDefinition; labels: string[] } | undefined {
  const definition = catalogue[name];
  if (definition !== undefined && definition.type !== "histogram")
    return { definition, labels: Object.keys(definition.labels ?? {}) };
  const [, base = "", suffix = ""] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const histogram = catalogue[base];
  if (histogram?.type !== "histogram") return undefined;
  return {
    definition: histogram,
    labels: [...Object.keys(histogram.labels ?? {}), ...SUFFIXES[suffix as keyof typeof SUFFIXES]],
  };
}

describe("what dashboards and alerts name", () => {
  it("is made by a worker: every series, every label and every value of a label", () => {
    const own = createMetrics({ pipeline: "renders", sink: "gluster" }).registry.getMetricsAsArray();
    const ofProcess = new Set(own.map(({ name }) => name).filter((name) => !name.startsWith("stowage_")));
    for (const { where, expr } of all) {
      const named = seriesIn(expr);
      expect(named.length, where).toBeGreaterThan(0);
      const labels = new Set([...EVERYWHERE, ...named.flatMap(({ name }) => made(name)?.labels ?? [])]);
      for (const label of groupedBy(expr)) expect([...labels], `${where} groups by ${label}`).toContain(label);
      for (const { name, matchers } of named) {
        const metric = made(name);
        if (metric === undefined) expect(ofProcess, where).toContain(name);
        for (const { label, operator, value } of matchers) {
          const values = metric?.definition.labels?.[label];
          if (EVERYWHERE.includes(label)) continue;
          expect(values, `${where}: ${name} has a label ${label}`).toBeDefined();
          if (values === "open" || values === undefined) continue;
          for (const each of operator.endsWith("~") ? value.split("|") : [value]) expect(values, where).toContain(each);
        }
      }
    }
  });

  it("is of one pipeline in one namespace, so that two of one name do not hide each other", () => {
    for (const { where, expr } of all)
      for (const { text } of seriesIn(expr)) {
        expect(text, where).toContain('namespace="stowage"');
        expect(text, where).toContain('pipeline="renders"');
      }
  });

  it("leaves out no metric of the catalogue", () => {
    const named = new Set(all.flatMap(({ expr }) => seriesIn(expr)).map(({ name }) => name));
    const unseen = Object.entries(catalogue).filter(([name, { type }]) =>
      type === "histogram" ? !named.has(`${name}_bucket`) && !named.has(`${name}_sum`) : !named.has(name),
    );
    expect(unseen.map(([name]) => name)).toEqual([]);
  });
});

describe("the dashboard", () => {
  const of = monitoredWith(true);
  const model = JSON.parse(JSON.stringify(dashboard(of)));

  interface Panel {
    id: number;
    type: string;
    title: string;
    description?: string;
    gridPos: { x: number; y: number; w: number; h: number };
    datasource?: { uid: string };
    targets?: { expr: string; refId: string; interval: string; datasource: { uid: string } }[];
  }
  const panels: Panel[] = model.panels;

  it("has the same uid for the same pipeline, whatever else changes, and another for another", () => {
    expect(model.uid).toMatch(/^stowage-[0-9a-f]{24}$/);
    expect(dashboard(monitoredWith(false)).uid).toBe(model.uid);
    expect(dashboard({ ...of, namespace: "other" }).uid).not.toBe(model.uid);
    expect(dashboard({ ...of, pipeline: { ...of.pipeline, name: "other" } }).uid).not.toBe(model.uid);
  });

  it("reads from the data source that somebody chooses, in every panel", () => {
    const [source, pod] = model.templating.list;
    expect(source).toMatchObject({ name: "datasource", type: "datasource", query: "prometheus" });
    expect(pod).toMatchObject({ name: "pod", type: "query", includeAll: true, multi: true, allValue: ".*" });
    expect(pod.query).toContain("label_values(stowage_bus_connected{");
    for (const { type, title, datasource, targets = [] } of panels.filter((panel) => panel.type !== "row")) {
      expect(datasource?.uid, `${type} ${title}`).toBe("$" + "{datasource}");
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const target of targets) {
        expect(target.datasource.uid).toBe("$" + "{datasource}");
        // Without it, the stretch of a rate follows from the data source's setting, and may hold a single reading.
        expect(target.interval).toBe("30s");
      }
    }
  });

  it("lays out every panel inside of the grid, under its row, over no other, with an id of its own", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels[0]?.type).toBe("row");
    const taken = new Set<string>();
    for (const { title, description, type, gridPos } of panels) {
      if (type !== "row") expect(description, title).toMatch(/\S/);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken, `${title} at ${x},${y}`).not.toContain(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
    }
  });

  it("fits into a config map", () => {
    expect(JSON.stringify(model).length).toBeLessThan(500_000);
  });

  it("has no panel for what the pipeline does not have: an empty one would only worry", () => {
    const { audit: _, ...bare } = { ...of.pipeline, replyQueues: [], observe: false };
    const source = { ...bare.source, sessions: false };
    const without = dashboard({ ...of, pipeline: { ...bare, source }, identity: false });
    const titles = (without.panels ?? []).map(({ title }) => title);
    for (const title of ["Replies by result", "Messages in the entity by state", "Sessions held", "Tokens and audit"]) {
      expect(panels.map((panel) => panel.title)).toContain(title);
      expect(titles).not.toContain(title);
    }
    expect(titles).not.toContain("Rows of a batch");
  });
});

describe("the README", () => {
  const readme = readFileSync(join(packageRoot(), "components/worker/README.md"), "utf8");
  const rowsOf = (heading: string) => {
    const [, section = ""] = readme.split(`\n## ${heading}\n`);
    const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| (.+) \|$/gm)].map(([, row = ""]) =>
      row.split(" | "),
    );
    return rows.slice(2);
  };

  it("lists every alert with its key, its figures and its severity, and no other", () => {
    const figures = Object.entries(ALERTS).map(([key, { alert, defaults }]) => {
      const { threshold, windowSeconds, forSeconds, severity } = defaults;
      const own = key === "noProgress" ? "the pipeline's `noProgressSeconds`" : threshold?.(monitoredWith(false));
      const figure = [
        own === undefined
          ? undefined
          : typeof own === "number" && windowSeconds !== undefined
            ? `more than ${own}`
            : own,
        windowSeconds === undefined ? undefined : `within ${windowSeconds} s`,
      ];
      const first = figure.filter((each) => each !== undefined).join(" ");
      const unit = typeof own !== "number" || windowSeconds !== undefined ? "" : key === "hotPartition" ? " %" : " s";
      const parts = [`${first}${unit}`, forSeconds === 0 ? "" : `for ${forSeconds} s`, severity];
      return [`\`${alert}\``, `\`${key}\``, parts.filter((each) => each !== "").join(", ")];
    });
    const listed = rowsOf("Alerts").map(([alert, key, , figure]) => [alert, key, figure]);
    expect(listed.slice(0, -1)).toEqual(figures);
    expect(listed.at(-1)?.[0]).toBe("`StowageMessageAge`");
  });

  it("lists every panel, by row, and no other", () => {
    const titles = new Map<string, Set<string>>();
    for (const of of monitoredKinds())
      for (const { title, panels } of panelRows(of)) {
        const known = titles.get(title) ?? new Set();
        titles.set(title, known);
        for (const panel of panels) known.add(panel.title);
      }
    const rendered = [...titles].map(([title, panels]) => [title, [...panels].join(" · ")]);
    expect(rowsOf("The dashboard")).toEqual(rendered);
  });
});

describe("the alerts", () => {
  it("each say what is the case, what it means and what to do, under a name of their own", () => {
    const rules = alertsSpec(monitoredRing(), monitoring).groups.flatMap((group) => group.rules);
    expect(rules).toHaveLength(Object.keys(ALERTS).length);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, annotations } of rules) {
      expect(Object.keys(annotations), alert).toEqual(["summary", "description", "action"]);
      for (const text of Object.values(annotations)) expect(text, alert).toMatch(/^\S.{15,}$/);
    }
  });
});
