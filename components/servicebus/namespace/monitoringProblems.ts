import { type Problem, problem } from "../../../runtime/contract/index.js";
import {
  type DiagnosticsArgs,
  NamespaceLog,
  type ServiceBusEntitiesArgs,
  type ServiceBusNamespaceArgs,
  ServiceBusTier,
} from "../args.js";
import { ALERTS, DEFAULT_EVERY_SECONDS, DEFAULT_WINDOW_SECONDS } from "./alerts.js";
import { AUTOSCALE_DEFAULTS } from "./autoscale.js";
import { logsOf, METRICS, PREMIUM_LOGS } from "./diagnostics.js";
import { keyProblems } from "./networkProblems.js";
import { allowedUnits, partitionsOf } from "./units.js";

/** Diagnostic settings that Azure takes for one resource. */
const MOST_SETTINGS = 5;

/** Where logs go that are not there, or to nowhere, or twice. */
export function diagnosticsProblems({ tier, diagnostics = {} }: ServiceBusNamespaceArgs): Problem[] {
  const path = "namespace.diagnostics";
  const keys = Object.keys(diagnostics);
  const found = keyProblems(path, keys);
  if (keys.length > MOST_SETTINGS)
    found.push(problem(path, keys, `must be at most ${MOST_SETTINGS} (Azure's limit)`, "Remove some"));
  const flows = new Map<string, string>();
  for (const [key, settings] of Object.entries(diagnostics)) {
    const at = `${path}.${key}`;
    const {
      workspaceId,
      storageAccountId,
      eventHubAuthorizationRuleId: eventHub,
      eventHubName,
      logs,
      metrics,
    } = settings;
    if (workspaceId === undefined && storageAccountId === undefined && eventHub === undefined)
      found.push(
        problem(at, undefined, "goes nowhere", "Give workspaceId, storageAccountId or eventHubAuthorizationRuleId"),
      );
    if (eventHubName !== undefined && eventHub === undefined)
      found.push(
        problem(
          `${at}.eventHubName`,
          eventHubName,
          "does nothing without eventHubAuthorizationRuleId",
          "Give the rule as well, or remove it",
        ),
      );
    if (logs?.length === 0 && metrics === false)
      found.push(
        problem(`${at}.logs`, logs, "must not be empty where metrics is false", "Name a log, or remove it all"),
      );
    for (const [i, log] of (logs ?? []).entries()) {
      if (logs?.indexOf(log) !== i)
        found.push(problem(`${at}.logs.${i}`, log, "stands there twice", "Remove one of the two"));
      if (tier !== ServiceBusTier.Premium && PREMIUM_LOGS.includes(log))
        found.push(
          problem(`${at}.logs.${i}`, log, missingLog(log, tier), "Remove it, or set namespace.tier to Premium"),
        );
    }
    const other = flowsOf(settings, tier)
      .map((flow) => flows.get(flow))
      .find((each) => each !== undefined);
    if (other !== undefined)
      found.push(
        problem(
          at,
          undefined,
          `sends to one place what ${path}.${other} sends there already, which Azure refuses`,
          "Join the two, or name other logs in one of them",
        ),
      );
    for (const flow of flowsOf(settings, tier)) flows.set(flow, key);
  }
  return found;
}

/** What is sent where, one line for each; a place that is known only later is left to Azure to compare. */
function flowsOf(settings: DiagnosticsArgs, tier: ServiceBusTier): string[] {
  const { workspaceId, storageAccountId, eventHubAuthorizationRuleId: eventHub, eventHubName = "" } = settings;
  const places = [workspaceId, storageAccountId].filter((place) => typeof place === "string");
  if (typeof eventHub === "string") places.push(`${eventHub}/${eventHubName}`);
  const sent = [...(settings.logs ?? logsOf(tier)), ...(settings.metrics === false ? [] : [METRICS])];
  return places.flatMap((place) => sent.map((each) => `${place.toLowerCase()} ${each}`));
}

/** Why a log is not there, in a sentence for whoever expects an audit of messages. */
function missingLog(log: NamespaceLog, tier: ServiceBusTier): string {
  if (log === NamespaceLog.RuntimeAudit)
    return `is written on Premium only: on ${tier} Azure does not record who sent or received what`;
  return `is written on Premium only: on ${tier} Azure does not record which connections its network rules refused`;
}

/** Alerts on entities that are not there, and windows shorter than the time between looks. */
export function alertProblems({ namespace, queues, topics }: ServiceBusEntitiesArgs): Problem[] {
  const { alerts } = namespace;
  if (alerts === undefined) return [];
  const path = "namespace.alerts";
  const known = new Set([...Object.keys(queues ?? {}), ...Object.keys(topics ?? {})]);
  const found: Problem[] = [];
  const given = ALERTS.filter(({ key }) => alerts[key] !== undefined);
  if (given.length === 0)
    found.push(
      problem(
        path,
        undefined,
        "raises no alert",
        `Give one of ${ALERTS.map(({ key }) => key).join(", ")}, or remove it`,
      ),
    );
  for (const { key } of given) {
    const {
      everySeconds = DEFAULT_EVERY_SECONDS,
      windowSeconds = DEFAULT_WINDOW_SECONDS,
      entities,
    } = alerts[key] ?? {};
    if (everySeconds > windowSeconds)
      found.push(
        problem(
          `${path}.${key}.everySeconds`,
          everySeconds,
          `must be at most the window, ${windowSeconds} seconds: what lies between would never be looked at`,
          "Lower it, or raise windowSeconds",
        ),
      );
    for (const [i, entity] of (entities ?? []).entries())
      if (!known.has(entity))
        found.push(
          problem(
            `${path}.${key}.entities.${i}`,
            entity,
            "is not a queue or topic of this namespace",
            known.size === 0 ? "Remove it" : `Use one of ${[...known].join(", ")}`,
          ),
        );
  }
  return found;
}

/** Units that Azure has no step for, and loads between which it would go up and down for ever. */
export function autoscaleProblems(namespace: ServiceBusNamespaceArgs): Problem[] {
  const { autoscale, capacity, tier } = namespace;
  if (tier !== ServiceBusTier.Premium) return [];
  const partitions = partitionsOf(namespace);
  const allowed = allowedUnits(partitions);
  const found: Problem[] = [];
  const units: [string, number | undefined][] = [
    ["capacity", capacity],
    ["autoscale.minUnits", autoscale?.minUnits],
    ["autoscale.maxUnits", autoscale?.maxUnits],
  ];
  for (const [setting, value] of units)
    if (value !== undefined && !allowed.includes(value))
      found.push(
        problem(
          `namespace.${setting}`,
          value,
          `must be one of ${allowed.join(", ")} with ${partitions} ${partitions === 1 ? "partition" : "partitions"}: ` +
            "each has as many units as the others",
          "Choose one of them",
        ),
      );
  if (autoscale === undefined) return found;
  const { minUnits, maxUnits, scaleOutPercent, scaleInPercent } = { ...AUTOSCALE_DEFAULTS, ...autoscale };
  if (maxUnits <= minUnits)
    found.push(
      problem(
        "namespace.autoscale.maxUnits",
        maxUnits,
        `must be above minUnits, ${minUnits}`,
        "Raise it, or remove autoscale and set capacity",
      ),
    );
  if (capacity !== undefined && (capacity < minUnits || capacity > maxUnits))
    found.push(
      problem(
        "namespace.capacity",
        capacity,
        `must lie between autoscale's ${minUnits} and ${maxUnits}, as it is what the namespace begins with`,
        "Remove it, or choose one of them",
      ),
    );
  if (scaleInPercent * 2 >= scaleOutPercent)
    found.push(
      problem(
        "namespace.autoscale.scaleInPercent",
        scaleInPercent,
        `must be less than half of scaleOutPercent, ${scaleOutPercent}: half of the units have twice the load`,
        "Lower it, or raise scaleOutPercent",
      ),
    );
  return found;
}
