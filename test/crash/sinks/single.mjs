import { effectsSink } from "./effects.mjs";

export default effectsSink("single effects", { maxMessages: 1, maxWaitMilliseconds: 0 });
