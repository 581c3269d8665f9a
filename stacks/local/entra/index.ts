export { CertificateAuthority, type ServerCertificate } from "./authority.js";
export { type Application, Directory, type FederatedCredential } from "./directory.js";
export { type EntraOptions, EntraStandIn, type ExchangeEvent } from "./entra.js";
export type { IssuerKeys } from "./federation.js";
export {
  LONGEST_LIFETIME_SECONDS,
  SHORTEST_LIFETIME_SECONDS,
  type TokenHolder,
  TokenProblem,
  TokenRefused,
} from "./tokens.js";
