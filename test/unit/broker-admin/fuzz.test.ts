import { Agent, request } from "node:http";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { Broker } from "../../../stacks/local/broker/index.js";

const REQUESTS = 10_000;
/** What the heap may have grown by afterwards, in bytes: the queues that were made all the same, and the test's own. */
const LEFT_OVER = 16 * 1_024 * 1_024;

/** Bytes in use after everything that is garbage was collected. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") {
    collect();
  }
  return process.memoryUsage().heapUsed;
}

const ENTRY =
  '<?xml version="1.0"?><entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">' +
  '<QueueDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">' +
  "<LockDuration>PT1M</LockDuration><MaxDeliveryCount>10</MaxDeliveryCount><UserMetadata>x &amp; y</UserMetadata>" +
  "<AuthorizationRules><AuthorizationRule><Rights><AccessRights>Send</AccessRights></Rights><KeyName>k</KeyName>" +
  "</AuthorizationRule></AuthorizationRules></QueueDescription></content></entry>";

interface Malformed {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** A body with some of its pieces lost, doubled or replaced. */
const body = fc
  .tuple(
    fc.array(
      fc.tuple(fc.nat(ENTRY.length), fc.nat(40), fc.oneof(fc.string(), fc.constantFrom("<", "&#0;", "]]>", "<a>"))),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    fc.boolean(),
  )
  .map(([cuts, whole]) =>
    cuts.reduce(
      (text, [at, length, put]) => text.slice(0, at) + put + text.slice(at + length),
      whole ? ENTRY : ENTRY.slice(60),
    ),
  );
const segment = fc.constantFrom(
  "$Resources",
  "Queues",
  "a",
  "%00",
  "%ff",
  "Subscriptions",
  "Rules",
  "..",
  "$Default",
  "%2F",
  "é",
);
const malformed: fc.Arbitrary<Malformed> = fc.record({
  method: fc.constantFrom("GET", "PUT", "PUT", "PUT", "DELETE", "POST", "HEAD", "OPTIONS"),
  path: fc
    .tuple(
      fc.array(segment, { maxLength: 6 }),
      fc.constantFrom("", "?$skip=x", "?$top=1&$skip=99999999999", "?api-version=<>"),
    )
    .map(([parts, query]) => encodeURI(`/${parts.join("/")}${query}`).replaceAll("%25", "%")),
  body,
  headers: fc.constantFrom<Record<string, string>>(
    {},
    { "if-match": "*" },
    { authorization: "Bearer x.y.z" },
    { host: "a b" },
  ),
});

it("10,000 malformed requests are answered or cut off, change nothing that is there, and leave no memory behind", async () => {
  const broker = new Broker();
  onTestFinished(() => broker.close());
  broker.putQueue("steady", { userMetadata: "untouched" });
  const { port } = await broker.listenAdmin();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const statuses = new Map<number, number>();
  const ask = ({ method, path, body: sent, headers }: Malformed): Promise<void> =>
    new Promise((resolve) => {
      const asked = request({ agent, port, host: "127.0.0.1", method, path, headers, timeout: 5_000 }, (response) => {
        statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1);
        response.resume();
        response.once("close", resolve);
      });
      asked.once("error", () => resolve());
      asked.once("timeout", () => asked.destroy(new Error("No answer within 5 s.")));
      asked.end(sent);
    });
  const some = fc.sample(malformed, { numRuns: REQUESTS, seed: 20_261_121 });
  await Promise.all(some.slice(0, 200).map(ask));
  const before = heapInUse();
  for (let i = 200; i < some.length; i += 50) {
    await Promise.all(some.slice(i, i + 50).map(ask));
  }
  // Bytes that are no request at all, and requests that end in the middle.
  for (const bytes of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 200 }), { numRuns: REQUESTS / 10, seed: 7 })) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
      socket.resume();
      socket.once("error", () => {});
      socket.once("close", () => resolve());
    });
  }
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
  expect(statuses.get(400) ?? 0).toBeGreaterThan(REQUESTS / 10);
  const made = broker.entities().filter(({ path }) => path !== "steady");
  // What is still whole after it was changed is a queue; its name and settings are sound.
  expect(made.every(({ kind, path }) => kind === "queue" && /^[A-Za-z0-9/._-]+$/.test(path))).toBe(true);
  expect(broker.entities().find(({ path }) => path === "steady")?.settings.userMetadata).toBe("untouched");
  const answer = await fetch(`http://127.0.0.1:${port}/steady`);
  expect(answer.status).toBe(200);
  expect(heapInUse() - before).toBeLessThan(LEFT_OVER);
}, 60_000);
