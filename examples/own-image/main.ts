// A worker of one's own: the same command line as the bundled one, with a sink that is part of the program.
import { workerCommand } from "stowage/runtime";
import sink from "./sink.ts";

process.exit(await workerCommand({ sink }));
