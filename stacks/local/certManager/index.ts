export { CertManagerStandIn } from "./certManager.js";
