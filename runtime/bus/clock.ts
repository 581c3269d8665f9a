/** The worker's clock, under the name that the engine's files know it by. */
export { type Clock, pause, systemClock, within } from "../support/clock.js";
