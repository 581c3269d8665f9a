import { describe, expect, it } from "vitest";
import type { Pipeline } from "../../../runtime/contract/index.js";
import { reportKey } from "../../../stacks/local/session.js";

const pipeline = (name: string, sink: object) => ({ name, sink }) as Pipeline;

describe("the key of a pipeline in the report", () => {
  const renders = pipeline("renders", { gluster: {} });
  const stills = pipeline("stills", { gluster: {} });
  const volumes = pipeline("volumes", { linstor: {} });

  it("is its sink, where no other pipeline has the same", () => {
    expect(reportKey(renders, [renders, volumes])).toBe("gluster");
    expect(reportKey(volumes, [renders, volumes])).toBe("linstor");
  });

  it("is its name, where another has", () => {
    expect([renders, stills].map((each) => reportKey(each, [renders, stills, volumes]))).toEqual(["renders", "stills"]);
  });
});
