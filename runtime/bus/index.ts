export { type Clock, pause, systemClock, within } from "../support/clock.js";
export { openAdministration } from "./administration.js";
export { type ClientOptions, type OpenClient, openClient } from "./client.js";
export { Engine, type EngineOptions } from "./engine.js";
export { type Bus, openBus } from "./source.js";
export type { TokenEvents } from "./tokens.js";
