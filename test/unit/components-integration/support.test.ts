import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guidOf } from "../../../components/support/guid.js";
import { examine, strict, z } from "../../../components/support/schema.js";
import { integer } from "../../../runtime/contract/zod.js";

describe("the GUID of a name", () => {
  it("is a UUID of version 5, the same for the same parts", () => {
    const parts = fc.array(
      fc.string({ minLength: 1 }).filter((part) => !part.includes("\n")),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(parts, (given) => {
        const guid = guidOf(...given);
        expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(guidOf(...given)).toBe(guid);
      }),
    );
  });

  it("is another for other parts, wherever the line between them falls", () => {
    expect(guidOf("ab", "c")).not.toBe(guidOf("a", "bc"));
    expect(guidOf("a", "b")).not.toBe(guidOf("b", "a"));
  });

  it("does not change with a release: assignments that exist would be replaced", () => {
    expect(guidOf("acme", "stowage", "prod")).toBe("f05298ef-29cd-5ac3-b67d-592cb65c3dc0");
  });
});

describe("examine", () => {
  const schema = strict({ size: z.exactOptional(integer(1, 9)), names: z.record(z.string(), integer(1, 9)) });

  it("gives a value that is right as it is", () => {
    expect(examine(schema, { size: 3, names: { a: 1 } })).toEqual({
      problems: [],
      sound: { size: 3, names: { a: 1 } },
    });
  });

  it("names what is wrong, and leaves it out where it can be", () => {
    const { problems, sound } = examine(schema, { size: 10, names: { a: 1, b: 0 }, colour: "blue" });
    expect(problems.map((p) => p.path).sort()).toEqual(["colour", "names.b", "size"]);
    expect(sound).toEqual({ names: { a: 1 } });
  });

  it("gives nothing to go on where what is wrong cannot be left out", () => {
    const { problems, sound } = examine(schema, { names: 5 });
    expect(problems.map((p) => p.path)).toEqual(["names"]);
    expect(sound).toBeUndefined();
  });

  it("leaves outputs alone, and the value that it was given", () => {
    const later = pulumi.output("known later");
    const value = { size: 10, group: later };
    const open = z.object({ size: z.exactOptional(integer(1, 9)), group: z.unknown() });
    const { sound } = examine(open, value);
    expect(sound?.group).toBe(later);
    expect(value.size).toBe(10);
  });
});
