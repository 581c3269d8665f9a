export { ALERTS, type AlertKey } from "./alerts.js";
export { dashboard, dashboardUid } from "./dashboard.js";
export { type PanelDefinition, type PanelRow, RATE_WINDOW } from "./panelParts.js";
export { panelRows } from "./panels.js";
export { podMonitorSpec } from "./podMonitor.js";
export { INTERVAL_SECONDS, type MonitoredPipeline } from "./promql.js";
export { alertNeed, alertProblems, alertsSpec, messageAgeSpec, type Rule, type RuleGroups } from "./rules.js";
