import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { queueSchema, subscriptionSchema, topicSchema } from "../../../components/servicebus/entitySchema.js";
import { serviceBusSchema } from "../../../components/servicebus/schema.js";
import { busProblems } from "../../../components/servicebus/validate.js";
import { z } from "../../../components/support/schema.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { busStacks } from "../../support/busStacks.js";

/** What a schema says of a value, without what is around it: that it may be left out, or what it is by default. */
function bare(schema: Schema): Schema {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional ? bare(schema.unwrap()) : schema;
}

type Schema = z.core.$ZodType;

/** The parts of a map or a list, one schema for all; undefined of anything else. */
function partsOf(schema: Schema): Schema | undefined {
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

/**
 * Every args interface in a schema, by the first path on which it is found; `*` stands for a name in a map or a place in
 * a list. An interface that is used in several places has its settings once.
 */
function interfacesOf(schema: Schema, path = "", found = new Map<Schema, string>()): Map<Schema, string> {
  const known = bare(schema);
  const parts = partsOf(known);
  if (parts !== undefined) return interfacesOf(parts, `${path}*.`, found);
  if (!(known instanceof z.ZodObject) || found.has(known)) return found;
  found.set(known, path);
  for (const [key, part] of Object.entries<Schema>(known.shape)) interfacesOf(part, `${path}${key}.`, found);
  return found;
}

const interfaces = interfacesOf(serviceBusSchema);
const settings = [...interfaces].flatMap(([schema, path]) =>
  Object.keys(schema instanceof z.ZodObject ? schema.shape : {}).map((key) => `${path}${key}`),
);

/** The settings that a value states. */
function statedIn(value: unknown, schema: Schema = serviceBusSchema): string[] {
  const known = bare(schema);
  if (value === undefined || value === null || typeof value !== "object") return [];
  const parts = partsOf(known);
  if (parts !== undefined) return Object.values(value).flatMap((each) => statedIn(each, parts));
  if (!(known instanceof z.ZodObject)) return [];
  return Object.entries<Schema>(known.shape).flatMap(([key, part]) => {
    const held: unknown = Reflect.get(value, key);
    return held === undefined ? [] : [`${interfaces.get(known)}${key}`, ...statedIn(held, part)];
  });
}

/** The choices of a schema's settings that have a list of them, as `path=choice`. */
function choicesOf(schema: Schema, path = ""): string[] {
  const known = bare(schema);
  if (known instanceof z.ZodObject)
    return Object.entries<Schema>(known.shape).flatMap(([key, part]) =>
      choicesOf(part, path === "" ? key : `${path}.${key}`),
    );
  if (known instanceof z.ZodRecord) return choicesOf(known.valueType, `${path}.*`);
  if (known instanceof z.ZodEnum) return known.options.map((option) => `${path}=${option}`);
  return [];
}

/** The values of a bus by the paths of its settings, as `path=value`. */
function valuesOf(value: unknown, schema: Schema, path = ""): string[] {
  const known = bare(schema);
  if (known instanceof z.ZodObject)
    return Object.entries<Schema>(known.shape).flatMap(([key, part]) =>
      valuesOf(Reflect.get(Object(value), key), part, path === "" ? key : `${path}.${key}`),
    );
  if (known instanceof z.ZodRecord)
    return Object.values(Object(value)).flatMap((each) => valuesOf(each, known.valueType, `${path}.*`));
  return value === undefined ? [] : [`${path}=${String(value)}`];
}

const buses = Object.entries(busStacks).map(([kind, bus]) => ({ kind, bus }));

describe("one bus for each kind of namespace, with everything that it has", () => {
  it.each(buses)("has no problem: $kind", ({ bus }) => {
    expect(busProblems(bus)).toEqual([]);
  });

  it("states every documented setting of every part in at least one of them", () => {
    // Were the walk to miss a level, it would miss these.
    expect(settings).toContain("queues.*.enableExpress");
    expect(settings).toContain("topics.*.subscriptions.*.rules.*.correlation.properties");
    expect(settings).toContain("namespace.alerts.deadLetters.threshold");
    expect(interfaces.size).toBeGreaterThan(12);
    const stated = new Set(buses.flatMap(({ bus }) => statedIn(bus)));
    expect(settings.filter((setting) => !stated.has(setting))).toEqual([]);
  });

  it("states every choice of every setting of an entity", () => {
    const choices = choicesOf(serviceBusSchema).filter((choice) => !choice.startsWith("namespace."));
    expect(choices).toContain("topics.*.subscriptions.*.status=ReceiveDisabled");
    const values = new Set(buses.flatMap(({ bus }) => valuesOf(bus, serviceBusSchema)));
    expect(choices.filter((choice) => !values.has(choice))).toEqual([]);
  });

  it("states what a kind of namespace alone has on that kind", () => {
    const only = (setting: string): string[] =>
      buses.filter(({ bus }) => statedIn(bus).includes(setting)).map(({ kind }) => kind);
    expect(only("queues.*.enableExpress")).toEqual(["Standard"]);
    expect(only("queues.*.maxMessageSizeKilobytes")).toEqual(["Premium", "Replicated"]);
    expect(only("namespace.premiumMessagingPartitions")).toEqual(["Premium"]);
    expect(only("topics")).toEqual(["Standard", "Premium", "Replicated"]);
  });
});

describe("the README's table of settings", () => {
  it("has every setting of queues, topics and subscriptions, of what it is, and no other", () => {
    const readme = readFileSync(join(packageRoot(), "components", "servicebus", "README.md"), "utf8");
    const rows = [...readme.matchAll(/^\| `(\w+)` +\| ([QTS]+) +\|/gm)].map(([, setting = "", of = ""]) => [
      setting,
      of,
    ]);
    const of = (letter: string, shape: object): [string, string][] =>
      Object.keys(shape).map((setting) => [setting, letter]);
    const expected = new Map<string, string>();
    for (const [setting, letter] of [
      ...of("Q", queueSchema.shape),
      ...of("T", topicSchema.shape),
      ...of("S", subscriptionSchema.shape),
    ])
      expected.set(setting, `${expected.get(setting) ?? ""}${letter}`);
    expect(rows.sort()).toEqual([...expected].sort());
  });
});
