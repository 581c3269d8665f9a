import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { text } from "../../runtime/contract/zod.js";

/** True for a value that is known only later: an output or a promise. */
function later(value: unknown): boolean {
  return pulumi.Output.isInstance(value) || value instanceof Promise;
}

/**
 * The schema of an input whose value may be known only later: an output passes, a plain value is checked now.
 * What is checked now fails at preview with path and fix; gate an output with `checked` where its value matters.
 */
export function given<T>(schema: z.ZodType<T>): z.ZodType<pulumi.Input<T>, pulumi.Input<T>> {
  return z.custom<pulumi.Input<T>>().superRefine((value, context) => {
    if (later(value)) return;
    const missing = value === undefined ? "is missing; it " : "";
    for (const { message, path } of schema.safeParse(value).error?.issues ?? [])
      context.addIssue({ code: "custom", message: `${missing}${message}`, path: [...path] });
  });
}

/** The id of something in Azure that may be known only later; `kind` says of what: "a subnet". */
export const armId = (kind: string, pattern: RegExp) =>
  given(text(pattern, `the id of ${kind}`, "Give its full Azure id"));

/**
 * The id of a resource in a resource group, by its type: `resourceId("a subnet", "Microsoft.Network", "virtualNetworks",
 * "subnets")`.
 */
export function resourceId(kind: string, provider: string, ...types: [string, ...string[]]) {
  const path = types.map((type) => `/${type}/[^/]+`).join("");
  const inGroup = "/subscriptions/[^/]+/resourceGroups/[^/]+/providers";
  return armId(kind, new RegExp(`^${inGroup}/${provider.replaceAll(".", "\\.")}${path}$`, "i"));
}

/** The id of a subnet. */
export const subnetId = resourceId("a subnet", "Microsoft.Network", "virtualNetworks", "subnets");
