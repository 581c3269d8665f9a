export * from "./args.js";
export { workloadIdentityProblems } from "./validate.js";
export { WorkloadIdentity } from "./workloadIdentity.js";
