import type { Reporter, SerializedError, TestModule } from "vitest/node";

/**
 * Ends a run with what any script can read: a line `failed: FILE > TEST: what was said` for each failure, and one plain
 * line, `N passed, N failed`. A log of which only the end is kept still says which test it was.
 */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const failures = [...modules.flatMap(failuresOf), ...errors.map((error) => line("outside any test", [error]))];
    const skipped = count("skipped");
    const total = `${count("passed")} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    process.stdout.write(`\n${[...failures, total].join("\n")}\n`);
  }
}

/** A file that could not be loaded has no failed test of its own: then it is the failure. */
function failuresOf(module: TestModule): string[] {
  const failed = [...module.children.allTests("failed")];
  if (failed.length > 0)
    return failed.map((test) => line(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors));
  return module.state() === "failed" ? [line(module.relativeModuleId, module.errors())] : [];
}

function line(where: string, errors: readonly { message: string; stacks?: SerializedError["stacks"] }[] = []): string {
  const said = errors.map(({ message, stacks }) => {
    const place = stacks?.[0];
    return `${message.replaceAll(/\s+/g, " ")}${place === undefined ? "" : ` (line ${place.line})`}`;
  });
  return `failed: ${where}: ${said.join("; ")}`;
}
