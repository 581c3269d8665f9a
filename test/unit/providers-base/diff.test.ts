import { describe, expect, it } from "vitest";
import { diffProperties, parsePath, UNKNOWN } from "../../../stacks/local/providers/base/index.js";

describe("the difference of two sets of inputs", () => {
  it("is empty for equal inputs, and null is the same as an absent property", () => {
    expect(diffProperties({ a: { b: [1, 2] }, c: null }, { a: { b: [1, 2] } })).toEqual([]);
  });

  it("names each changed leaf with its path and kind", () => {
    const changes = diffProperties(
      { keep: 1, gone: true, spec: { list: ["a", "b"] }, tags: { "a.b": "1" } },
      { keep: 1, spec: { list: ["a", "c", "d"] }, tags: { "a.b": "2" }, fresh: {} },
    );
    expect(changes).toEqual([
      { path: "gone", kind: "delete", replaces: false },
      { path: "spec.list[1]", kind: "update", replaces: false },
      { path: "spec.list[2]", kind: "add", replaces: false },
      { path: 'tags["a.b"]', kind: "update", replaces: false },
      { path: "fresh", kind: "add", replaces: false },
    ]);
  });

  it.each([
    ["the property itself", ["spec.name"], { spec: { name: "a" } }, { spec: { name: "b" } }],
    ["something below it", ["spec"], { spec: { name: "a" } }, { spec: { name: "b" } }],
    ["an element of a list", ["disks[*].lun"], { disks: [{ lun: 0 }] }, { disks: [{ lun: 1 }] }],
    ["a key of a map", ["tags.*"], { tags: { a: "1" } }, { tags: { a: "2" } }],
    ["what holds it, taken away", ["spec.name"], { spec: { name: "a" } }, {}],
    ["what holds it, become unknown", ["spec.name"], { spec: { name: "a" } }, { spec: UNKNOWN }],
  ])("replaces when %s changed", (_, replaceOn, olds, news) => {
    expect(diffProperties(olds, news, replaceOn).map((change) => change.replaces)).toEqual([true]);
  });

  it("does not replace when only a neighbour changed", () => {
    const changes = diffProperties({ spec: { name: "a", size: 1 } }, { spec: { name: "a", size: 2 } }, ["spec.name"]);
    expect(changes).toEqual([{ path: "spec.size", kind: "update", replaces: false }]);
  });

  it("does not replace when what holds the property appears without it", () => {
    expect(diffProperties({}, { spec: { size: 2 } }, ["spec.name"])).toEqual([
      { path: "spec", kind: "add", replaces: false },
    ]);
  });

  it("lets a model say that two values are the same", () => {
    const same = (path: string, old: unknown, value: unknown) =>
      path === "location" && String(old).toLowerCase() === String(value).toLowerCase();
    expect(diffProperties({ location: "WestEurope" }, { location: "westeurope" }, [], same)).toEqual([]);
  });

  it("reads back the paths it writes", () => {
    expect(parsePath('a.b[0]["c.d"].e[*]')).toEqual(["a", "b", 0, "c.d", "e", "*"]);
  });
});
