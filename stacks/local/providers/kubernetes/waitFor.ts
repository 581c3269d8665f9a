import { type Problem, problem } from "../../../../runtime/contract/index.js";
import { type KubernetesObject, listAt, textAt, valueAt } from "./object.js";

/** Annotations of Pulumi's provider for Kubernetes that say what an operation waits for. */
export const Annotation = {
  Autonamed: "pulumi.com/autonamed",
  SkipAwait: "pulumi.com/skipAwait",
  TimeoutSeconds: "pulumi.com/timeoutSeconds",
  WaitFor: "pulumi.com/waitFor",
} as const;

/** One thing that is waited for. */
interface Condition {
  text: string;
  holds(object: KubernetesObject): boolean;
}

/** True if the object says that nothing is to be waited for. */
export function skipsAwait(object: KubernetesObject): boolean {
  return object.metadata.annotations?.[Annotation.SkipAwait] === "true";
}

/** The time an object gives for becoming ready, in seconds; undefined where it says nothing. */
export function statedTimeout(object: KubernetesObject): number | undefined {
  const seconds = Number(object.metadata.annotations?.[Annotation.TimeoutSeconds]);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

/** What is wrong with an object's `pulumi.com/waitFor`. */
export function waitForProblems(annotations: Record<string, unknown>): Problem[] {
  const value = annotations[Annotation.WaitFor];
  if (typeof value !== "string") return [];
  const path = `metadata.annotations["${Annotation.WaitFor}"]`;
  const fix = "Write condition=TYPE, condition=TYPE=STATUS, jsonpath={.a.b} or jsonpath={.a.b}=VALUE";
  return expressions(value)
    .filter((text) => parse(text) === undefined)
    .map((text) => problem(path, text, "must be a condition or a JSON path that the stand-in knows", fix));
}

/** The expressions of an object's `pulumi.com/waitFor` that do not hold yet; undefined where it has none. */
export function unmet(object: KubernetesObject): string[] | undefined {
  const value = object.metadata.annotations?.[Annotation.WaitFor];
  if (value === undefined) return undefined;
  return expressions(value)
    .map(parse)
    .flatMap((condition) => (condition === undefined || condition.holds(object) ? [] : [condition.text]));
}

/** One expression, or a JSON list of them, all of which must hold. */
function expressions(value: string): string[] {
  if (!value.trim().startsWith("[")) return [value.trim()];
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) ? list.map(String) : [value];
  } catch {
    return [value];
  }
}

function parse(text: string): Condition | undefined {
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(text);
  if (condition !== null) {
    const [, type = "", status = "True"] = condition;
    return { text, holds: (object) => conditionStatus(object, type)?.toLowerCase() === status.toLowerCase() };
  }
  const path = /^jsonpath=\{((?:\.[\w-]+|\[\d+\])+)\}(?:=(.*))?$/.exec(text);
  if (path === null) return undefined;
  const steps = [...(path[1] ?? "").matchAll(/\.([\w-]+)|\[(\d+)\]/g)].map(([, key, index]) => key ?? Number(index));
  const wanted = path[2];
  return {
    text,
    holds: (object) => {
      const found = valueAt(object, steps);
      return wanted === undefined ? found !== undefined : String(found) === wanted;
    },
  };
}

function conditionStatus(object: KubernetesObject, type: string): string | undefined {
  const found = listAt(object, "status", "conditions").find(
    (c) => textAt(c, "type")?.toLowerCase() === type.toLowerCase(),
  );
  return textAt(found, "status");
}
