import * as monitor from "@pulumi/azure-native/monitor";
import { defined } from "../../../runtime/contract/index.js";
import { type DiagnosticsArgs, NamespaceLog, ServiceBusTier } from "../namespaceArgs.js";
import type { Site } from "./site.js";

/** Logs that are written on Premium alone. */
export const PREMIUM_LOGS: NamespaceLog[] = [NamespaceLog.Network, NamespaceLog.RuntimeAudit];
/** Azure's name for all metrics of a resource. */
export const METRICS = "AllMetrics";

/** The logs that a tier has. */
export function logsOf(tier: ServiceBusTier): NamespaceLog[] {
  const all = Object.values(NamespaceLog);
  return tier === ServiceBusTier.Premium ? all : all.filter((log) => !PREMIUM_LOGS.includes(log));
}

/** A diagnostic setting's properties, as Azure takes them. What has a default is stated, so that a preview shows it. */
export function diagnosticProperties(
  settings: DiagnosticsArgs,
  tier: ServiceBusTier,
): Omit<monitor.DiagnosticSettingArgs, "resourceUri"> {
  const { workspaceId, storageAccountId, eventHubAuthorizationRuleId, eventHubName } = settings;
  return {
    ...defined({ workspaceId, storageAccountId, eventHubAuthorizationRuleId, eventHubName }),
    ...(workspaceId === undefined
      ? {}
      : { logAnalyticsDestinationType: settings.dedicatedTables === false ? "AzureDiagnostics" : "Dedicated" }),
    logs: (settings.logs ?? logsOf(tier)).map((category) => ({ category, enabled: true })),
    metrics: settings.metrics === false ? [] : [{ category: METRICS, enabled: true }],
  };
}

/** Registers where logs and metrics of a namespace go. */
export function registerDiagnostics(
  site: Site,
  namespaceId: monitor.DiagnosticSettingArgs["resourceUri"],
  diagnostics: { [key: string]: DiagnosticsArgs },
  tier: ServiceBusTier,
): void {
  for (const [key, { storageAccountId, eventHubAuthorizationRuleId, eventHubName, ...rest }] of Object.entries(
    diagnostics,
  )) {
    // A storage account or an event hub takes logs of its own region, which is not that of the second namespace.
    const regional = site.secondary ? {} : defined({ storageAccountId, eventHubAuthorizationRuleId, eventHubName });
    if (rest.workspaceId === undefined && Object.keys(regional).length === 0) continue;
    new monitor.DiagnosticSetting(
      `${site.name}-${key}`,
      { resourceUri: namespaceId, name: key, ...diagnosticProperties({ ...rest, ...regional }, tier) },
      // Its name is its own on the namespace: a second cannot be there before the first goes.
      { parent: site.parent, deleteBeforeReplace: true },
    );
  }
}
