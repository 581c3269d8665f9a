import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bodyBytes } from "../../../runtime/bus/body.js";

describe("the bytes of a body", () => {
  test("are the bytes that were sent, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) =>
        bodyBytes({ content: Buffer.from(bytes), section: "data" }).equals(Buffer.from(bytes)),
      ),
    );
  });

  test("are those of all data sections, in order", () => {
    const content = [Buffer.from("one "), Buffer.from("body")];
    expect(bodyBytes({ content, section: "data" }).toString()).toBe("one body");
  });

  test("are the JSON text of a value", () => {
    expect(bodyBytes({ content: { a: [1, null] }, section: "value" }).toString()).toBe('{"a":[1,null]}');
    expect(bodyBytes({ content: "text", section: "value" }).toString()).toBe('"text"');
    expect(bodyBytes({ content: null, section: "value" }).toString()).toBe("null");
    expect(bodyBytes({ content: [[1], [2]], section: "sequence" }).toString()).toBe("[[1],[2]]");
  });

  test("show 64-bit integers and bytes inside a value as text", () => {
    const content = { big: 2n ** 60n, bytes: Buffer.from("ab"), lookalike: { type: "Buffer", data: [1] } };
    expect(JSON.parse(bodyBytes({ content, section: "value" }).toString())).toEqual({
      big: "1152921504606846976",
      bytes: "YWI=",
      lookalike: { type: "Buffer", data: [1] },
    });
  });

  test("are none where the message has no body", () => {
    expect(bodyBytes({ content: undefined, section: "data" })).toHaveLength(0);
  });

  test("are refused where a value has no JSON text", () => {
    const loop: { self?: object } = {};
    loop.self = loop;
    expect(() => bodyBytes({ content: loop, section: "value" })).toThrow();
  });
});
