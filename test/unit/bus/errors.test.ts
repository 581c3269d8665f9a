import { expect, test } from "vitest";
import { errorCode, errorText, isLockLost } from "../../../runtime/bus/errors.js";
import { clientError } from "./fakes.js";

test("an error that the client's own retries end with is the last one that they met", () => {
  const thrown = new AggregateError([
    clientError("ServiceTimeout"),
    clientError("MessageLockLost", "the lock is gone"),
  ]);
  expect(isLockLost(thrown)).toBe(true);
  expect([errorCode(thrown), errorText(thrown)]).toEqual(["MessageLockLost", "the lock is gone"]);
  expect(errorCode(new AggregateError([]))).toBe("AggregateError");
});

test.each([
  [clientError("ServiceBusy"), "ServiceBusy"],
  [new TypeError("x"), "TypeError"],
  [new Error("x"), "GeneralError"],
  ["text", "GeneralError"],
  [undefined, "GeneralError"],
])("%s has the code %s", (error, code) => {
  expect(errorCode(error)).toBe(code);
});
