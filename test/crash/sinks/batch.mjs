import { effectsSink } from "./effects.mjs";

export default effectsSink("batched effects", { maxMessages: 20, maxWaitMilliseconds: 10 });
