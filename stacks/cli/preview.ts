import { ExitCode } from "../../runtime/contract/index.js";
import { previewEnvironment } from "../local/preview.js";
import { packageRoot } from "../packageRoot.js";
import type { PreviewOptions } from "./main.js";
import { projectFolder } from "./project.js";
import { screen } from "./screen.js";

/** Previews an environment with the real engine against stand-ins. Gives the exit code. */
export async function preview(environment: string, options: PreviewOptions): Promise<ExitCode> {
  const out = screen(process.stderr);
  const abort = new AbortController();
  const stop = () => abort.abort(new Error("interrupted"));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    const text = await previewEnvironment({
      environment,
      projectDir: projectFolder(process.cwd()) ?? packageRoot(),
      json: options.json === true,
      signal: abort.signal,
      step: (line) => out.block([line]),
    });
    process.stdout.write(text);
    return ExitCode.Ok;
  } catch (error) {
    if (abort.signal.aborted) return ExitCode.Interrupted;
    throw error;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
