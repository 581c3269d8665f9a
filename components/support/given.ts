import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";

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
    for (const { message, path } of schema.safeParse(value).error?.issues ?? [])
      context.addIssue({ code: "custom", message, path: [...path] });
  });
}
