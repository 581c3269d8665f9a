import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { stackArgs } from "../../../stacks/config.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { argsOf, configOf, environments } from "../support/environments.js";

/** What a person reads who runs a preview with this configuration. */
function words(config: { [key: string]: string }): string {
  try {
    stackArgs("dev", config);
    return "accepted";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("a stack's configuration", () => {
  it.each(environments)("is read into the args of an integration: %s", (environment) => {
    const config = configOf(environment);
    const args: { [key: string]: unknown } = { ...argsOf(environment) };
    const keys = Object.keys(config).filter((key) => key.startsWith("stowage:"));
    expect(Object.keys(args).sort()).toEqual(keys.map((key) => key.slice("stowage:".length)).sort());
    expect(args["location"]).toBe("westeurope");
    expect(args["pipelines"]).toEqual(JSON.parse(config["stowage:pipelines"] ?? ""));
  });

  it("leaves the keys of others alone", () => {
    expect(words({ ...configOf("dev"), "azure-native:subscriptionId": "x", "acme:stowage": "y" })).toBe("accepted");
  });

  it("refuses a key that it does not know, and says which it may have meant", () => {
    const { "stowage:pipelines": pipelines = "", ...rest } = configOf("dev");
    expect(words({ ...rest, "stowage:pipeline": pipelines })).toBe(
      [
        "Invalid configuration of stack dev: 2 problems",
        "  - stowage:pipelines: is missing; it must be a map from names to pipelines. Give { name: { … } }",
        `  - stowage:pipeline: unknown key (found ${JSON.stringify(JSON.parse(pipelines)).slice(0, 79)}…). Did you mean pipelines?`,
      ].join("\n"),
    );
    expect(words({ ...configOf("dev"), "stowage:colour": "blue" })).toMatch(
      /- stowage:colour: unknown key \(found "blue"\)\. Remove it; known keys are location, resourceGroup, cluster, /,
    );
  });

  it("refuses an unknown key however deep it lies, with its path and the keys that are known there", () => {
    const config = configOf("dev");
    const serviceBus = JSON.parse(config["stowage:serviceBus"] ?? "");
    serviceBus.queues.renders.lockDuration = "PT1M";
    expect(words({ ...config, "stowage:serviceBus": JSON.stringify(serviceBus) })).toBe(
      "Invalid configuration of stack dev: 1 problem\n" +
        '  - stowage:serviceBus.queues.renders.lockDuration: unknown key (found "PT1M"). Remove it; known keys are ' +
        "lockDurationSeconds, maxDeliveryCount, requiresSession, requiresDuplicateDetection, duplicateDetectionSeconds, " +
        "timeToLiveSeconds, deadLetterOnExpiration, forwardTo, forwardDeadLettersTo, autoDeleteOnIdleSeconds, " +
        "maxSizeMegabytes, maxMessageSizeKilobytes, enablePartitioning, enableBatchedOperations, enableExpress, status, userMetadata",
    );
  });

  it("says so where an object was expected and text was written", () => {
    expect(words({ ...configOf("dev"), "stowage:cluster": "aks-dev" })).toBe(
      "Invalid configuration of stack dev: 1 problem\n" +
        '  - stowage:cluster: must be an object (found "aks-dev"). Write its settings as YAML below it',
    );
  });

  it("is looked through as a whole: what is wrong in several keys is named at once", () => {
    const config = configOf("dev");
    const { "stowage:image": _, ...rest } = config;
    const serviceBus = JSON.parse(config["stowage:serviceBus"] ?? "");
    serviceBus.queues.renders.lockDurationSeconds = 301;
    const storage = JSON.parse(config["stowage:storage"] ?? "");
    storage.gluster.volumes.results.bricks.pop();
    const text = words({
      ...rest,
      "stowage:serviceBus": JSON.stringify(serviceBus),
      "stowage:storage": JSON.stringify(storage),
    });
    expect(text).toMatch(/^Invalid configuration of stack dev: 3 problems\n/);
    expect(text).toMatch(/- stowage:image: is missing/);
    expect(text).toMatch(/- stowage:serviceBus\.queues\.renders\.lockDurationSeconds: .* 5 to 300 seconds .*found 301/);
    expect(text).toMatch(/- stowage:storage\.gluster\.volumes\.results\.bricks: /);
  });
});

describe("the tracked files of Pulumi", () => {
  const files = ["Pulumi.yaml", ...environments.map((environment) => `Pulumi.${environment}.yaml`)];

  it.each(files)("name no plug-in, and hold no salt, key or secret: %s", (file) => {
    const content: { [key: string]: unknown } = parse(readFileSync(join(packageRoot(), file), "utf8"));
    const allowed = file === "Pulumi.yaml" ? ["name", "description", "runtime", "main"] : ["config"];
    expect(Object.keys(content)).toEqual(allowed);
    expect(JSON.stringify(content)).not.toMatch(/secure|encryptionsalt|plugins|\/tmp\/|\/home\/|127\.0\.0/);
  });
});
