export { type Clock, systemClock } from "../bus/clock.js";
