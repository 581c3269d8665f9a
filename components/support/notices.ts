import * as pulumi from "@pulumi/pulumi";
import { formatProblem, type Problem } from "../../runtime/contract/index.js";

/**
 * What is allowed and probably not meant, or has an effect that is easily missed. It has the parts of a problem, and
 * stops nothing: the deployment goes on, and says it.
 */
export type Notice = Problem;

/** Says each notice as a warning of a component, in previews and in deployments. */
export function notify(component: pulumi.Resource, notices: Notice[]): void {
  for (const notice of notices) void pulumi.log.warn(formatProblem(notice), component);
}
