import { keepSignals } from "./library/firstSignals.js";

keepSignals();

// Loaded after that: reading all of it takes longer than some pods live.
import("./library/command.js")
  .then(({ workerCommand }) => workerCommand())
  .then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
