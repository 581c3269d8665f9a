import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { LinstorClient } from "../../../runtime/sinks/linstor/client.js";
import { LinstorFailure, LinstorTimeout, LinstorUnavailable } from "../../../runtime/sinks/linstor/errors.js";
import { decodeReturnCode, isLasting } from "../../../runtime/sinks/linstor/returnCodes.js";

const never = new AbortController().signal;
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

/** A controller that answers every request alike, and counts them; `status` 0 closes the connection. */
async function controller(status: number, text: string, headers: { [name: string]: string } = {}) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, headers).end(text);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const clientOf = (...controllers: string[]) =>
  new LinstorClient({ controllers, readLimitMs: 1_000, writeLimitMs: 1_000 });
const GET = { method: "GET", path: "/v1/nodes" } as const;
const POST = { method: "POST", path: "/v1/nodes", body: { name: "n1" } } as const;
/** A port on which nothing listens: it was free a moment ago. */
async function deadUrl(): Promise<string> {
  const { url } = await controller(200, "");
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return url;
}

describe("a return code", () => {
  test.each([
    ["-4611686018406153739", "error", 1, 0x440000, 501],
    ["-4611686018406153244", "error", 1, 0x440000, 996],
    ["-9223372036800771144", "warning", 3, 0x380000, 3000],
    ["4611686018448631571", "info", 1, 0x440000, 10003],
    ["20447233", "success", 1, 0x380000, 1],
    ["-4611686018427387588", "error", 0, 0, 316],
  ])("%s is taken apart exactly", (text, severity, operation, subject, code) => {
    expect(decodeReturnCode(BigInt(text))).toEqual({ severity, operation, subject, code });
  });

  test("comes back from its parts, whatever they are", () => {
    const bits = fc.tuple(fc.bigInt(0n, 3n), fc.bigInt(0n, 3n), fc.bigInt(0n, 63n), fc.bigInt(0n, 0x7fffn));
    fc.assert(
      fc.property(bits, ([severity, operation, subject, code]) => {
        const value = BigInt.asIntN(64, (severity << 62n) | (operation << 24n) | (subject << 18n) | code);
        const decoded = decodeReturnCode(value);
        expect(decoded.severity).toBe(["success", "info", "warning", "error"][Number(severity)]);
        expect(decoded.operation).toBe(Number(operation));
        expect(decoded.subject).toBe(Number(subject << 18n));
        expect(decoded.code).toBe(Number(code));
      }),
    );
  });

  test.each([
    [206, true],
    [300, true],
    [412, true],
    [501, true],
    [801, true],
    [996, true],
    [997, true],
    [100, false],
    [974, false],
    [992, false],
    [995, false],
    [998, false],
    [999, false],
  ])("%i: whether an attempt can never succeed is %s", (code, lasting) => {
    expect(isLasting(code)).toBe(lasting);
  });
});

describe("an answer", () => {
  test("keeps a return code that a JavaScript number would change", async () => {
    const { url } = await controller(500, '[{"ret_code":-4611686018406153739,"message":"exists"}]');
    const failure = await clientOf(url)
      .send(POST, never)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(LinstorFailure);
    expect(failure instanceof LinstorFailure && failure.entries[0]?.returnCode).toBe(-4611686018406153739n);
    expect(failure).toMatchObject({ status: 500, codes: [501] });
  });

  test("is walked to its end: an error after successes is an error", async () => {
    const { url } = await controller(
      500,
      '[{"ret_code":17563649,"message":"registered"},{"ret_code":-4611686018409823258,"message":"(n1) failed"}]',
    );
    await expect(clientOf(url).send(POST, never)).rejects.toMatchObject({ codes: [998] });
  });

  test("may carry warnings: they are given, and are no error", async () => {
    const { url } = await controller(200, '[{"ret_code":-9223372036817550358,"message":"No active connection"}]');
    const { entries } = await clientOf(url).send(POST, never);
    expect(entries.map((e) => e.decoded)).toMatchObject([{ severity: "warning", code: 1002 }]);
  });

  test("may be any other JSON, with sizes beyond 2^53", async () => {
    const { url } = await controller(200, '[{"free_capacity":9223372036854775807,"used":8}]');
    expect((await clientOf(url).send(GET, never)).body).toEqual([{ free_capacity: 9223372036854775807n, used: 8 }]);
  });

  test.each([
    [503, "upstream is away"],
    [500, "{}"],
    [200, "<html>"],
  ])("%i with %j is not LINSTOR's", async (status, text) => {
    const { url } = await controller(status, text);
    await expect(clientOf(url).send(POST, never)).rejects.toBeInstanceOf(LinstorUnavailable);
  });
});

describe("several controllers", () => {
  test("the next is asked where one is not there, and from then on first", async () => {
    const active = await controller(200, "[]");
    const client = clientOf(await deadUrl(), active.url);
    await client.send(POST, never);
    await client.send(POST, never);
    expect(active.seen).toEqual(["POST /v1/nodes", "POST /v1/nodes"]);
  });

  test("a redirect is not followed, which would turn a POST into a GET", async () => {
    const active = await controller(200, "[]");
    const plain = await controller(302, "", { Location: `${active.url}/v1/nodes` });
    await clientOf(plain.url, active.url).send(POST, never);
    expect(active.seen).toEqual(["POST /v1/nodes"]);
  });

  test("what may have been executed is not sent to another", async () => {
    const breaking = await controller(0, "");
    const other = await controller(200, "[]");
    const client = clientOf(breaking.url, other.url);
    await expect(client.send(POST, never)).rejects.toBeInstanceOf(LinstorUnavailable);
    expect(other.seen).toEqual([]);
    await client.send(GET, never);
    expect(other.seen).toEqual(["GET /v1/nodes"]);
  });

  test("none: every one is named with its reason", async () => {
    const [one, two] = [await deadUrl(), await deadUrl()];
    const error = await clientOf(one, two)
      .send(GET, never)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LinstorUnavailable);
    expect(error).toMatchObject({ message: expect.stringContaining(one), code: "StoreUnavailable" });
    expect(error).toMatchObject({ message: expect.stringContaining(two) });
  });
});

test("an answer that does not come in time ends in a time-out that names request and limit", async () => {
  const server = createServer(() => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new LinstorClient({ controllers: [url], readLimitMs: 50, writeLimitMs: 50 });
  const error = await client.send(GET, never).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(LinstorTimeout);
  expect(error).toMatchObject({ message: expect.stringMatching(/GET \/v1\/nodes within 50 ms/), code: "StoreTimeout" });
});
