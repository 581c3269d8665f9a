import { createHash } from "node:crypto";
import { isUnknown, type PropertyMap, UNKNOWN, type Unknown } from "../base/index.js";

/** A UUID that is the same for the same text: 32 hex digits of its SHA-256, marked as version 8 (RFC 9562). */
export function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}

/** Names of the inputs in a path, in order: `{namespaceName}`; the subscription's id is none. */
export function pathInputs(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) =>
    name === undefined || name === "subscriptionId" ? [] : [name],
  );
}

/** The id in ARM's form; unknown where one of its parts is. Throws where one is missing. */
export function armId(path: string, inputs: PropertyMap, subscriptionId: string): string | Unknown {
  let unknown = false;
  const id = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "subscriptionId") return subscriptionId;
    const value = inputs[name];
    if (typeof value !== "string" || value === "") {
      if (!isUnknown(value)) throw new Error(`missing required property '${name}'`);
      unknown = true;
      return "";
    }
    // A scope is a path itself.
    return value.startsWith("/") ? value.replace(/\/$/, "") : value;
  });
  return unknown ? UNKNOWN : id;
}

/**
 * Path of the resource that this one lies in: two segments less, or the scope of what is attached to another.
 * Undefined for what lies in a resource group.
 */
export function parentPath(path: string): string | undefined {
  if (path.startsWith("{")) return path.split("/")[0];
  const parent = path.split("/").slice(0, -2).join("/");
  return /\/providers\/[^/]+$/.test(parent) || parent.endsWith("/subscriptions/{subscriptionId}") ? undefined : parent;
}

/** True if both are the id of the same resource: ARM's ids are not case-sensitive. */
export function sameId(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
