import { isPropertyMap, isUnknown, type PropertyMap, type PropertyValue } from "./values.js";

/** How one property changed. `path` is in the engine's form: `spec.containers[0].image`, `tags["a.b"]`. */
export interface PropertyChange {
  path: string;
  kind: "add" | "delete" | "update";
  /** True where the change can be made only by a new resource in place of the old one. */
  replaces: boolean;
}

/** Decides that two values mean the same to the far end although they are not equal. */
export type SameValue = (path: string, old: PropertyValue, value: PropertyValue) => boolean;

type Segment = string | number;

/**
 * Changes from the inputs a resource has to those it shall have; null and an absent property are the same.
 * `replaceOn` names the properties that replace it, in the engine's form with `[*]` for every element of a list
 * and `.*` for every key of a map; a change of anything below such a property replaces as well.
 */
export function diffProperties(
  olds: PropertyMap,
  news: PropertyMap,
  replaceOn: readonly string[] = [],
  same: SameValue = () => false,
): PropertyChange[] {
  const patterns = replaceOn.map(parsePath);
  const changes: PropertyChange[] = [];

  function add(segments: Segment[], kind: PropertyChange["kind"], old: PropertyValue, value: PropertyValue): void {
    const replaces = patterns.some((pattern) => touches(pattern, segments, old, value));
    changes.push({ path: formatPath(segments), kind, replaces });
  }

  function walk(segments: Segment[], old: PropertyValue, value: PropertyValue): void {
    if (old === null || value === null) {
      if (old !== value) add(segments, old === null ? "add" : "delete", old, value);
    } else if (isPropertyMap(old) && isPropertyMap(value)) {
      walkMaps(segments, old, value);
    } else if (Array.isArray(old) && Array.isArray(value)) {
      walkLists(segments, old, value);
    } else if (isUnknown(value) || isUnknown(old) || (old !== value && !same(formatPath(segments), old, value))) {
      add(segments, "update", old, value);
    }
  }

  function walkMaps(segments: Segment[], old: PropertyMap, value: PropertyMap): void {
    for (const name of new Set([...Object.keys(old), ...Object.keys(value)])) {
      walk([...segments, name], old[name] ?? null, value[name] ?? null);
    }
  }

  function walkLists(segments: Segment[], old: PropertyValue[], value: PropertyValue[]): void {
    for (let index = 0; index < Math.max(old.length, value.length); index++) {
      walk([...segments, index], old[index] ?? null, value[index] ?? null);
    }
  }

  walkMaps([], olds, news);
  return changes;
}

/** True if a change at `segments` is a change of what the pattern names: at it, below it, or of what holds it. */
function touches(pattern: Segment[], segments: Segment[], old: PropertyValue, value: PropertyValue): boolean {
  const shared = Math.min(pattern.length, segments.length);
  for (let index = 0; index < shared; index++) {
    if (pattern[index] !== "*" && pattern[index] !== segments[index]) return false;
  }
  if (pattern.length <= segments.length) return true;
  const rest = pattern.slice(segments.length);
  return isUnknown(value) || holds(old, rest) || holds(value, rest);
}

function holds(value: PropertyValue | undefined, pattern: Segment[]): boolean {
  const [first, ...rest] = pattern;
  if (value === undefined || value === null) return false;
  if (first === undefined) return true;
  if (Array.isArray(value)) {
    if (first === "*") return value.some((entry) => holds(entry, rest));
    return typeof first === "number" && holds(value[first], rest);
  }
  if (!isPropertyMap(value)) return false;
  if (first === "*") return Object.values(value).some((entry) => holds(entry, rest));
  return holds(value[String(first)], rest);
}

/** `a.b[0]["c.d"].e` as its parts. */
export function parsePath(path: string): Segment[] {
  const parts = path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[(\*)\]|([^.[\]]+)/g);
  return [...parts].map(([, quoted, index, star, name]) => {
    if (quoted !== undefined) return quoted.replaceAll(/\\(.)/g, "$1");
    return index === undefined ? (star ?? name ?? "") : Number(index);
  });
}

function formatPath(segments: Segment[]): string {
  return segments
    .map((segment, index) => {
      if (typeof segment === "number") return `[${segment}]`;
      if (!/^[A-Za-z_$][\w$-]*$/.test(segment)) return `[${JSON.stringify(segment)}]`;
      return index === 0 ? segment : `.${segment}`;
    })
    .join("");
}
