export * from "./args.js";
export { ServiceBus } from "./serviceBus.js";
export { serviceBusProblems } from "./validate.js";
