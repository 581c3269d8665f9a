import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/unit/**/*.test.ts", "test/engine/**/*.test.ts", "test/e2e/**/*.test.ts"],
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    // Engine and end-to-end tests bring up real processes: no more files at once than a small machine bears.
    maxWorkers: 2,
    reporters: ["default", "./test/support/plainReporter.ts"],
  },
});
