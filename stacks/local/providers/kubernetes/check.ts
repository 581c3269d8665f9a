import { type Problem, problem, within } from "../../../../runtime/contract/index.js";
import {
  type CheckContext,
  type CheckResult,
  holdsUnknown,
  isPropertyMap,
  isUnknown,
  type PropertyMap,
  type PropertyValue,
} from "../base/index.js";
import { type KnownKind, templatePath } from "./kinds.js";
import { listAt, recordAt, textAt, textsAt, valueAt } from "./object.js";
import { templateProblems } from "./pods/template.js";
import { scheduleProblems, timeZoneProblems } from "./schedule.js";
import { Annotation, waitForProblems } from "./waitFor.js";

/** Kinds whose names are path segments, not DNS names. */
const FREE_NAMES = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);
/** Longest name of a CronJob: its jobs' names are longer. */
const CRON_NAME = 52;
/** Kinds whose names are labels: one part of a DNS name. */
const LABEL_NAMES = new Set(["Namespace", "Service"]);

/**
 * Fills in what Pulumi's provider fills in (a made-up name, the namespace `default`) and finds what the API server
 * would refuse as far as the values are known.
 */
export function checkObject(kind: KnownKind, inputs: PropertyMap, context: CheckContext): CheckResult {
  const named = kind.kind === "Release" ? nameRelease(inputs, context) : nameObject(kind, inputs, context);
  return { inputs: named, failures: objectProblems(kind, named) };
}

/** Made-up names are kept with the object, and the annotation says that they were made up. */
function nameObject(kind: KnownKind, inputs: PropertyMap, context: CheckContext): PropertyMap {
  const given = inputs["metadata"] ?? {};
  if (!isPropertyMap(given)) return inputs;
  const metadata: PropertyMap = { ...given };
  if (!kind.namespaced) delete metadata["namespace"];
  else if ((metadata["namespace"] ?? null) === null) metadata["namespace"] = "default";
  if ((metadata["name"] ?? null) === null) {
    const annotations = isPropertyMap(metadata["annotations"]) ? metadata["annotations"] : {};
    metadata["name"] = madeUpBefore(context.olds) ?? madeUp(context);
    metadata["annotations"] = { ...annotations, [Annotation.Autonamed]: "true" };
  }
  return { ...inputs, apiVersion: kind.apiVersion, kind: kind.kind, metadata };
}

function nameRelease(inputs: PropertyMap, context: CheckContext): PropertyMap {
  const before = textAt(context.olds, "name");
  const namespace = (inputs["namespace"] ?? null) === null ? "default" : inputs["namespace"];
  const name = (inputs["name"] ?? null) === null ? (before ?? madeUp(context)) : inputs["name"];
  return { ...inputs, ...(namespace === undefined ? {} : { namespace }), ...(name === undefined ? {} : { name }) };
}

function madeUp(context: CheckContext): string {
  return `${context.name.toLowerCase()}-${context.randomHex(8)}`;
}

function madeUpBefore(olds: PropertyMap | undefined): string | undefined {
  const autonamed = textAt(olds, "metadata", "annotations", Annotation.Autonamed) === "true";
  return autonamed ? textAt(olds, "metadata", "name") : undefined;
}

/** True if the name of an object was made up: two of them can be there at once while one replaces the other. */
export function isAutonamed(inputs: PropertyMap): boolean {
  return textAt(inputs, "metadata", "annotations", Annotation.Autonamed) === "true";
}

function objectProblems(kind: KnownKind, inputs: PropertyMap): Problem[] {
  if (kind.kind === "Release") return [];
  return [
    ...nameProblems(kind, valueAt(inputs, ["metadata", "name"])),
    ...waitForProblems(recordAt(inputs, "metadata", "annotations") ?? {}),
    ...workloadProblems(kind, inputs),
    ...(kind.kind === "ConfigMap" ? dataProblems(inputs) : []),
  ];
}

function nameProblems({ kind }: KnownKind, name: unknown): Problem[] {
  if (typeof name !== "string" || FREE_NAMES.has(kind)) return [];
  const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
  const isLabel = LABEL_NAMES.has(kind);
  const [pattern, most] = isLabel ? [label, 63] : [`${label}(\\.${label})*`, kind === "CronJob" ? CRON_NAME : 253];
  if (name.length <= most && new RegExp(`^${pattern}$`).test(name)) return [];
  const rule = `must be at most ${most} of a-z, 0-9${isLabel ? "" : ", ."} and -, a letter or digit at both ends`;
  return [problem("metadata.name", name, rule, "Choose such a name, or leave it out to have one made up")];
}

function workloadProblems({ kind }: KnownKind, inputs: PropertyMap): Problem[] {
  const path = templatePath({ kind });
  if (path === undefined) return [];
  const spec = inputs["spec"] ?? null;
  if (spec === null) return [problem("spec", undefined, `is missing; a ${kind} has one`, "Give it")];
  if (!isPropertyMap(spec)) return [];
  const clock = kind === "CronJob" ? clockProblems(spec) : [];
  const template = propertyAt(inputs, path);
  if (holdsUnknown(template)) return clock;
  const problems = [...clock, ...within(path.join("."), templateProblems(template ?? undefined))];
  if (problems.length > 0) return problems;
  return kind === "Deployment"
    ? [...selectorProblems(spec), ...restartProblems(inputs, path, ["Always"])]
    : restartProblems(inputs, path, ["Never", "OnFailure"]);
}

/** The property at a path of names; undefined where a step is missing, the unknown where one is not known yet. */
function propertyAt(inputs: PropertyMap, path: readonly string[]): PropertyValue | undefined {
  let found: PropertyValue | undefined = inputs;
  for (const step of path) {
    if (isUnknown(found)) return found;
    found = isPropertyMap(found) ? found[step] : undefined;
  }
  return found;
}

/** What is wrong with when a CronJob runs; what is not known yet is taken. */
function clockProblems(spec: PropertyMap): Problem[] {
  const { schedule, timeZone, concurrencyPolicy } = spec;
  const policies = ["Allow", "Forbid", "Replace"];
  const policy = concurrencyPolicy ?? "Allow";
  return [
    ...(isUnknown(schedule) ? [] : scheduleProblems("spec.schedule", schedule)),
    ...(isUnknown(timeZone) ? [] : timeZoneProblems("spec.timeZone", timeZone)),
    ...(isUnknown(policy) || policies.includes(String(policy))
      ? []
      : [problem("spec.concurrencyPolicy", policy, `must be ${policies.join(", ")}`, "Choose one of them")]),
  ];
}

function selectorProblems(spec: PropertyMap): Problem[] {
  const path = "spec.selector.matchLabels";
  const fix = "Give the pod template the labels that the selector asks for";
  const selector = spec["selector"] ?? null;
  if (selector === null) return [problem("spec.selector", undefined, "is missing; a Deployment has one", fix)];
  if (holdsUnknown(selector)) return [];
  const labels = textsAt(spec, "template", "metadata", "labels");
  const wanted = Object.entries(textsAt(selector, "matchLabels"));
  if (wanted.length === 0 && listAt(selector, "matchExpressions").length === 0) {
    return [problem(path, undefined, "must choose the deployment's own pods", fix)];
  }
  return wanted
    .filter(([key, value]) => labels[key] !== value)
    .map(([key, value]) =>
      problem(`${path}["${key}"]`, value, "must be a label of the pod template, whose value is the same", fix),
    );
}

function restartProblems(inputs: PropertyMap, template: readonly string[], allowed: string[]): Problem[] {
  const path = [...template, "spec", "restartPolicy"];
  const policy = valueAt(inputs, path) ?? "Always";
  if (typeof policy !== "string" || allowed.includes(policy)) return [];
  return [problem(path.join("."), policy, `must be ${allowed.join(" or ")}`, "Choose one that is allowed here")];
}

function known(value: PropertyValue | undefined): PropertyMap {
  return isPropertyMap(value) ? value : {};
}

function dataProblems(inputs: PropertyMap): Problem[] {
  const fix = "Use at most 253 of letters, digits, -, _ and ., and make each value a string";
  return ["data", "binaryData"].flatMap((field) =>
    Object.entries(known(inputs[field])).flatMap(([key, value]) => {
      const path = `${field}["${key}"]`;
      const named = /^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== "." && key !== "..";
      if (!named) return [problem(path, key, "is no key of a config map", fix)];
      const fine = typeof value === "string" || value === null || isUnknown(value);
      return fine ? [] : [problem(path, value, "must be a string", fix)];
    }),
  );
}
