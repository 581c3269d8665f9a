export { type Clock, systemClock } from "./clock.js";
export { Engine, type EngineOptions } from "./engine.js";
export { type Bus, openBus } from "./source.js";
