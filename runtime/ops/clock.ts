/** The clock of the engine, for those who may not reach into its room. */
export { type Clock, pause, systemClock } from "../bus/clock.js";
