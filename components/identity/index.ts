export * from "./args.js";
export {
  AccessRight,
  allowed,
  type EffectiveRights,
  effectiveRights,
  identitiesOf,
  type MatrixEntity,
  type MatrixIdentity,
  rightsTable,
} from "./matrix.js";
export { PrincipalGrants } from "./principalGrants.js";
export { principalGrantsProblems, workloadIdentityProblems } from "./validate.js";
export { WorkloadIdentity } from "./workloadIdentity.js";
