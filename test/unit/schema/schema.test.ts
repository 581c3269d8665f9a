import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ComponentResource } from "@pulumi/pulumi";
import { type AnalyzeResult, Analyzer } from "@pulumi/pulumi/provider/experimental/analyzer.js";
import { getPulumiComponents } from "@pulumi/pulumi/provider/experimental/provider.js";
import { generateSchema } from "@pulumi/pulumi/provider/experimental/schema.js";
import { beforeAll, describe, expect, it } from "vitest";
import * as entry from "../../../components/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

const root = packageRoot();
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const COMPONENTS = [
  "CassandraRing",
  "GlusterCluster",
  "Integration",
  "LinstorCluster",
  "ManagedCassandra",
  "PrincipalGrants",
  "ServiceBus",
  "Worker",
  "WorkloadIdentity",
];

/** The components that Pulumi finds in the entry point, by its own walk through the exports. */
const found = (getPulumiComponents(entry) as (new (...args: never[]) => ComponentResource)[]).map((c) => c.name);

describe("the schema that other languages get", () => {
  let result: AnalyzeResult;
  beforeAll(() => {
    result = new Analyzer(root, "stowage", manifest, new Set(found)).analyze();
  }, 120_000);

  it("finds every component in the published entry point, and nothing else", () => {
    expect([...found].sort()).toEqual(COMPONENTS);
    expect(Object.keys(result.components).sort()).toEqual(COMPONENTS);
  });

  it("reads the entry point that the package publishes as source", () => {
    expect(manifest.exports["."].default).toBe("./components/index.js");
    expect(manifest.files).toContain("components/**/*.ts");
  });

  it("has only outputs as a component's own properties", () => {
    for (const [name, component] of Object.entries(result.components)) {
      expect(Object.keys(component.outputs).length, name).toBeGreaterThan(0);
      for (const [output, property] of Object.entries(component.outputs)) {
        expect(property.plain, `${name}.${output}`).not.toBe(true);
        expect(property.description, `${name}.${output} has no documentation`).toBeTruthy();
      }
    }
  });

  it("documents every input, and every property of every type", () => {
    const bare: string[] = [];
    for (const [name, { inputs }] of Object.entries(result.components))
      for (const [input, { description }] of Object.entries(inputs)) if (!description) bare.push(`${name}.${input}`);
    for (const [name, { properties = {} }] of Object.entries(result.typeDefinitions))
      for (const [key, { description }] of Object.entries(properties)) if (!description) bare.push(`${name}.${key}`);
    expect(bare).toEqual([]);
  });

  it("gives each type a name of its own: a second of the same name would silently be the first", () => {
    const folders = ["components", "runtime/contract"].map((folder) => join(root, folder));
    const declared = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .flatMap((file) => {
          const text = readFileSync(join(folder, file), "utf8");
          return [...text.matchAll(/^(?:export )?(?:interface|type) (\w+)/gm)].map(([, name]) => ({ name, file }));
        }),
    );
    for (const name of Object.keys(result.typeDefinitions).map((type) => type.replace(/^Partial/, "")))
      expect(declared.filter((each) => each.name === name).map((each) => each.file)).toHaveLength(1);
  });

  it("is a schema that Pulumi generates from it", () => {
    const { components, typeDefinitions, dependencies } = result;
    const schema = generateSchema(
      "stowage",
      manifest.version,
      manifest.description,
      components,
      typeDefinitions,
      dependencies,
    );
    expect(Object.keys(schema.resources).sort()).toEqual(COMPONENTS.map((name) => `stowage:index:${name}`));
    expect(schema.resources["stowage:index:Integration"]?.requiredInputs).toEqual([
      "cluster",
      "image",
      "location",
      "namespace",
      "pipelines",
      "resourceGroup",
      "serviceBus",
    ]);
    const right = schema.types["stowage:index:Right"];
    expect(right).toMatchObject({
      type: "string",
      enum: [{ value: "send" }, { value: "receive" }, { value: "manage" }],
    });
  });
});
