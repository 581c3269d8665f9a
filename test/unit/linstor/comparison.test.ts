import { describe, expect, test } from "vitest";
import { documentedTypes } from "../../contracts/documented.js";
import { compare } from "../../contracts/linstor/compare.js";

const entry = (code: string, message: string, more = "") => `{"ret_code":${code},"message":"${message}"${more}}`;
const answer = (status: number, ...entries: string[]) => ({ status, text: `[${entries.join()}]` });
const differences = (was: string, is: string) =>
  compare({ status: 200, text: was }, { status: 200, text: is }).differences;

describe("a replayed answer", () => {
  const recorded = answer(500, entry("17563649", "registered"), entry("-4611686018409823258", "(n1) failed"));

  test("agrees with itself", () => {
    expect(compare(recorded, recorded)).toEqual({ differences: [], sameOrder: true });
  });

  test.each([
    ["another status", answer(201, entry("17563649", "registered"), entry("-4611686018409823258", "(n1) failed"))],
    [
      "a return code that a number cannot tell apart",
      answer(500, entry("17563649", "registered"), entry("-4611686018409823257", "(n1) failed")),
    ],
    ["another message", answer(500, entry("17563649", "registered."), entry("-4611686018409823258", "(n1) failed"))],
    ["an entry less", answer(500, entry("17563649", "registered"))],
    [
      "a field more",
      answer(500, entry("17563649", "registered", ',"cause":"x"'), entry("-4611686018409823258", "(n1) failed")),
    ],
  ])("differs by %s", (_name, actual) => {
    expect(compare(recorded, actual).differences).not.toEqual([]);
  });

  test("may have satellites in another order, and nothing else", () => {
    const [one, two, end] = [entry("1", "(n1) done"), entry("2", "(n2) done"), entry("3", "all done")];
    expect(compare(answer(200, one, two, end), answer(200, two, one, end))).toEqual({
      differences: [],
      sameOrder: false,
    });
    expect(compare(answer(200, one, two, end), answer(200, one, end, two)).differences).not.toEqual([]);
    const [first, second] = [entry("1", "(n1) first"), entry("2", "(n1) second")];
    expect(compare(answer(200, first, second), answer(200, second, first)).differences).not.toEqual([]);
  });

  test.each([
    ['[{"a":1}]', '[{"a":"1"}]'],
    ['[{"a":1}]', '[{"a":1.5}]'],
    ['[{"a":20.0}]', '[{"a":20}]'],
    ['[{"a":1}]', '[{"a":2}]'],
    ['[{"a":1}]', "[{}]"],
    ["[{}]", '[{"a":1}]'],
    ['[{"a":[1,2]}]', '[{"a":[1]}]'],
    ['[{"a":null}]', '[{"a":{}}]'],
    ['[{"uuid":"x"}]', '[{"uuid":1}]'],
    ['[{"a":9223372036854775807}]', '[{"a":9223372036854775806}]'],
  ])("%s is not %s", (was, is) => {
    expect(differences(was, is)).not.toEqual([]);
  });

  test("may have other values where they are given anew each time", () => {
    expect(differences('[{"uuid":"x","create_timestamp":1}]', '[{"uuid":"y","create_timestamp":2}]')).toEqual([]);
  });
});

describe("the types that a component documents", () => {
  test("are those of the list under its headline", () => {
    const readme = [
      "# A component",
      "- `azure-native:storage:Account` elsewhere",
      "## Resources",
      "",
      "- `azure-native:servicebus:Queue` – one for each of `queues`",
      "- `kubernetes:apps/v1:Deployment` – one",
      "- `pulumi:providers:kubernetes`",
      "Adopted: `azure-native:compute:Disk`",
      "## What it does not do",
      "- `azure-native:network:Subnet`",
    ].join("\n");
    expect(documentedTypes(readme)).toEqual([
      "azure-native:servicebus:Queue",
      "kubernetes:apps/v1:Deployment",
      "pulumi:providers:kubernetes",
    ]);
  });

  test("are not documented without the headline", () => {
    expect(documentedTypes("# A component\n- `azure-native:servicebus:Queue`")).toBeUndefined();
  });
});
