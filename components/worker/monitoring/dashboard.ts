import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import { BigValueTextMode } from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeSeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { entityPath, sha256, sinkKind } from "../../../runtime/contract/index.js";
import { type PanelDefinition, POD_VARIABLE } from "./panelParts.js";
import { panelRows } from "./panels.js";
import { type MonitoredPipeline, series } from "./promql.js";

/** Width of Grafana's grid. */
const COLUMNS = 24;
/** Panels beside each other at most; a fourth of the grid is the least that a legend can be read in. */
const BESIDE = 4;
const HEIGHT = 8;
/** The variable by which somebody chooses the Prometheus that reads the workers. */
const SOURCE_VARIABLE = "datasource";
const SOURCE = { type: "prometheus", uid: `\${${SOURCE_VARIABLE}}` };
/** Hexadecimal digits of a dashboard's uid, which Grafana allows 40 characters of. */
const UID_DIGITS = 24;

/** The uid of a pipeline's dashboard: the same for the same namespace and pipeline, whatever else changes. */
export function dashboardUid({ namespace, pipeline }: MonitoredPipeline): string {
  return `stowage-${sha256(`${namespace}/${pipeline.name}`).slice(0, UID_DIGITS)}`;
}

/**
 * The dashboard of one pipeline, in Grafana's JSON model (version 11 and later read it). Its data source and the pods
 * that are looked at are variables.
 */
export function dashboard(of: MonitoredPipeline): Dashboard {
  const { namespace, pipeline } = of;
  const builder = new DashboardBuilder(`Stowage: ${namespace}/${pipeline.name}`)
    .uid(dashboardUid(of))
    .description(
      `Workers of pipeline ${pipeline.name}: from ${entityPath(pipeline.source)} to ${sinkKind(pipeline)}. ` +
        "It is rendered with the workers; changes made here are lost.",
    )
    .tags(["stowage", sinkKind(pipeline)])
    .readonly()
    .timezone("browser")
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .withVariable(new DatasourceVariableBuilder(SOURCE_VARIABLE).label("Data source").type("prometheus"))
    .withVariable(
      new QueryVariableBuilder(POD_VARIABLE)
        .label("Pod")
        .datasource(SOURCE)
        .query(`label_values(${series(of, "stowage_bus_connected")}, ${POD_VARIABLE})`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue(".*"),
    );
  let id = 1;
  for (const { title, panels } of panelRows(of)) {
    builder.withRow(new RowBuilder(title).id(id++));
    const span = COLUMNS / Math.min(BESIDE, panels.length);
    for (const panel of panels) builder.withPanel(rendered(panel, id++, span, of.intervalSeconds));
  }
  return builder.build();
}

function rendered(definition: PanelDefinition, id: number, span: number, intervalSeconds: number): Builder<Panel> {
  const { title, description, unit, kind, queries } = definition;
  const builder =
    kind === "text" ? new StatBuilder().textMode(BigValueTextMode.Name) : lines(new TimeSeriesBuilder(), unit);
  builder.id(id).title(title).description(description).datasource(SOURCE).unit(unit).span(span).height(HEIGHT);
  for (const [i, { expr, legend }] of queries.entries()) {
    const query = new DataqueryBuilder()
      .datasource(SOURCE)
      .refId(String.fromCharCode("A".charCodeAt(0) + i))
      .expr(expr)
      .legendFormat(legend)
      // What Grafana makes the stretch of a rate from; without it, from a setting of the data source.
      .interval(`${intervalSeconds}s`);
    builder.withTarget(kind === "text" ? query.instant() : query.range());
  }
  return builder;
}

/** Nothing that is measured here is below 0, but the time that a token that has ended had left. */
function lines(builder: TimeSeriesBuilder, unit: string): TimeSeriesBuilder {
  return builder.fillOpacity(unit === "ops" ? 10 : 0).axisSoftMin(0);
}
