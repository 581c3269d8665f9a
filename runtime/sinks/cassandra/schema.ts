export { cassandraParts } from "./parts.js";
export { checkSchema } from "./schema/check.js";
