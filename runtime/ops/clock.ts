/** The clock of the worker, for those who may not reach into its room. */
export { type Clock, pause, systemClock } from "../support/clock.js";
