export { createVolumeFolder } from "./folder.js";
export {
  type BrokenResult,
  type ResultManifest,
  readResults,
  type StoredResults,
  type VerifiedResult,
} from "./results.js";
