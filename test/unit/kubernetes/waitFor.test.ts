import { describe, expect, it } from "vitest";
import { unmet, waitForProblems } from "../../../stacks/local/providers/kubernetes/waitFor.js";

describe("pulumi.com/waitFor", () => {
  const object = (waitFor: string) => ({
    apiVersion: "v1",
    kind: "X",
    metadata: { name: "x", annotations: { "pulumi.com/waitFor": waitFor } },
    status: { phase: "Up", list: [{ n: 1 }], conditions: [{ type: "Ready", status: "True" }] },
  });
  it.each([
    ["condition=Ready", []],
    ["condition=ready=true", []],
    ["condition=Ready=False", ["condition=Ready=False"]],
    ["jsonpath={.status.phase}=Up", []],
    ["jsonpath={.status.list[0].n}=1", []],
    ["jsonpath={.status.missing}", ["jsonpath={.status.missing}"]],
    ['["condition=Ready", "jsonpath={.status.phase}=Down"]', ["jsonpath={.status.phase}=Down"]],
  ])("%s", (waitFor, expected) => expect(unmet(object(waitFor))).toEqual(expected));

  it("is refused in a form that nobody reads", () => {
    const [found] = waitForProblems({ "pulumi.com/waitFor": "jsonpath={.status.list[?(@.n==1)]}" });
    expect(found?.path).toBe('metadata.annotations["pulumi.com/waitFor"]');
  });
});
