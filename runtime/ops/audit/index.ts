export { type ExportedHead, type HeadResult, parseHead } from "./heads.js";
export { reportLines } from "./report.js";
export { type ChainReport, type VerifyOptions, type VerifyReport, verifyAudit } from "./verify.js";
