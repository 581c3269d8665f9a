import { errors, types } from "cassandra-driver";
import { describe, expect, it } from "vitest";
import { failureOf } from "../../../runtime/sinks/cassandra/failures.js";

const { responseErrorCodes: code } = types;
const answered = (of: number) => new errors.ResponseError(of, "x");
const nowhere = (...inner: Error[]) =>
  new errors.NoHostAvailableError(Object.fromEntries(inner.map((each, n) => [`10.0.0.${n}:9042`, each])), "none");

describe("an error of the driver", () => {
  it.each<[string, Error, string, boolean]>([
    ["a write time-out", answered(code.writeTimeout), "StoreTimeout", true],
    ["a transaction of unknown end", answered(0x1700), "StoreTimeout", true],
    ["no answer", new errors.OperationTimedOutError("x"), "StoreTimeout", true],
    ["too few replicas", answered(code.unavailableException), "StoreUnavailable", true],
    ["a node that is joining", answered(code.isBootstrapping), "StoreUnavailable", true],
    ["overload", answered(code.overloaded), "StoreOverloaded", true],
    ["overload of every node", nowhere(answered(code.overloaded), new Error("down")), "StoreOverloaded", true],
    ["full connections", new errors.BusyConnectionError("10.0.0.1", 2048, 1), "StoreOverloaded", true],
    ["no node", nowhere(), "StoreUnavailable", false],
    ["a missing right", answered(code.unauthorized), "StoreUnavailable", false],
    ["a wrong password", nowhere(new errors.AuthenticationError("x")), "StoreUnavailable", false],
    ["anything else", new Error("x"), "StoreUnavailable", false],
  ])("that says %s means another attempt", (_what, error, expected, strain) => {
    expect(failureOf(error)).toMatchObject({ kind: "retry", code: expected, strain });
  });

  it("names each node that was asked and what it answered", () => {
    expect(failureOf(nowhere(new Error("refused"), new Error("down")))).toMatchObject({
      description: "Cassandra: 10.0.0.0:9042: refused; 10.0.0.1:9042: down.",
    });
  });

  it("says whether it is the rights or the password that the ring refuses", () => {
    const rights = new errors.ResponseError(code.unauthorized, "User a has no MODIFY permission on <table ks.t>");
    expect(failureOf(rights)).toMatchObject({
      description: expect.stringMatching(
        /^The rights are refused: the role needs MODIFY and SELECT.*no MODIFY permission/,
      ),
    });
    const password = nowhere(new errors.AuthenticationError("Provided username a and/or password are incorrect"));
    expect(failureOf(password)).toMatchObject({
      description: expect.stringMatching(/^The password is refused: .*password are incorrect/),
    });
  });

  it.each<[string, Error]>([
    ["is invalid", answered(code.invalid)],
    ["cannot be written", new TypeError("x")],
    ["is larger than a frame", new errors.ResponseError(code.protocolError, "Request is too big: length 20000000")],
  ])("that says the request %s is a refusal", (_what, error) => {
    expect(failureOf(error)).toMatchObject({ kind: "refused" });
  });

  it("in the protocol for another reason is none", () => {
    expect(failureOf(answered(code.protocolError))).toMatchObject({ kind: "retry", code: "StoreUnavailable" });
  });
});
