import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  cachedDistribution,
  type FetchOptions,
  fetchDistribution,
} from "../../../stacks/local/cassandra/distribution.js";
import { CASSANDRA_VERSION } from "../../../stacks/local/cassandra/version.js";

const JAR = `cassandra-all-${CASSANDRA_VERSION}.jar`;
let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stowage-dist-"));
  root = join(folder, "cache");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A Maven that does what a test says, in the folder that it is run in. */
function maven(body: string): string {
  const file = join(folder, `mvn-${readdirSync(folder).length}`);
  writeFileSync(file, `#!/bin/sh\nset -e\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

function options(body: string, changes: Partial<FetchOptions> = {}): FetchOptions {
  const { signal } = new AbortController();
  return { maven: maven(body), javaHome: "/java", signal, onProgress: () => undefined, root, ...changes };
}

const GOOD = `grep -q '<version>${CASSANDRA_VERSION}</version>' pom.xml; test "$JAVA_HOME" = /java; mkdir lib; touch lib/${JAR}`;

test("is fetched once, for the version that is stated, on the Java that was found", async () => {
  expect(cachedDistribution(root)).toBeUndefined();
  const lib = join(root, CASSANDRA_VERSION);
  expect(await fetchDistribution(options(GOOD))).toEqual({ version: CASSANDRA_VERSION, lib });
  expect(await fetchDistribution(options("exit 1"))).toEqual({ version: CASSANDRA_VERSION, lib });
  expect(readdirSync(root)).toEqual([CASSANDRA_VERSION]);
});

test("is whole for both of two that fetch at the same time", async () => {
  const both = await Promise.all([fetchDistribution(options(GOOD)), fetchDistribution(options(GOOD))]);
  expect(both[0]).toEqual(both[1]);
  expect(readdirSync(root)).toEqual([CASSANDRA_VERSION]);
});

test("is not there after Maven fails, and the error has Maven's own words without its advice", async () => {
  const body = "echo '[ERROR] Could not transfer artifact'; echo '[ERROR] Re-run Maven with the -X switch'; exit 1";
  const failed = fetchDistribution(options(body));
  await expect(failed).rejects.toThrow(/exit status 1.*\n\[ERROR\] Could not transfer artifact$/);
  expect(readdirSync(root)).toEqual([]);
});

test("is not taken for whole where its jar did not come", async () => {
  await expect(fetchDistribution(options("mkdir lib"))).rejects.toThrow(`brought no ${JAR}`);
});

test("is called off by the signal, and leaves nothing", async () => {
  const off = new AbortController();
  const marker = join(folder, "began");
  const fetching = fetchDistribution(options(`touch ${marker}; exec sleep 60`, { signal: off.signal }));
  fetching.catch(() => undefined);
  const deadline = Date.now() + 10_000;
  while (!existsSync(marker) && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  off.abort(new Error("called off"));
  await expect(fetching).rejects.toThrow("called off");
  expect(readdirSync(root)).toEqual([]);
});

test("clears away what a killed fetch left, and not what another one is still at", async () => {
  mkdirSync(join(root, "fetch-2147483646-1-dead"), { recursive: true });
  const other = fetchDistribution(options(`${GOOD}; sleep 0.3`));
  await fetchDistribution(options(GOOD));
  await other;
  expect(readdirSync(root)).toEqual([CASSANDRA_VERSION]);
});
