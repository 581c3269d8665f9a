import { connect as connectTcp, type Socket } from "node:net";
import fc from "fast-check";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parseXml } from "../../../stacks/local/broker/admin/xml.js";
import { Broker } from "../../../stacks/local/broker/index.js";
import { eventually } from "../broker/client.js";
import { startAdmin } from "./kit.js";

const CONNECT = 'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"';

function entry(content: string): string {
  return `<?xml version="1.0"?><entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">${content}</content></entry>`;
}

let base = "";
let broker: Broker;

beforeAll(async () => {
  broker = new Broker();
  const { port } = await broker.listenAdmin();
  base = `http://127.0.0.1:${port}`;
  return () => broker.close();
});

async function put(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${base}/${path}`, { method: "PUT", body, headers });
  return { status: response.status, text: await response.text() };
}

describe("a request that is malformed is answered with what is wrong, and changes nothing", () => {
  it.each<readonly [string, string, number, RegExp]>([
    ["an empty body", "", 400, /<Code>400<\/Code><Detail>SubCode=40000\. .*no XML that can be read/],
    ["no XML", "hello", 400, /no XML|takes an entry/],
    ["a tag that is not closed", "<entry><content>", 400, /no XML that can be read: .*line 1/],
    ["another document", "<feed/>", 400, /takes an entry with a QueueDescription/],
    [
      "a document type",
      `<!DOCTYPE a [<!ENTITY b "c">]>${entry(`<QueueDescription ${CONNECT}/>`)}`,
      400,
      /document types/,
    ],
    ["no description", entry(""), 400, /takes an entry with a QueueDescription or a TopicDescription/],
    [
      "an element that is not known",
      entry("<QueueDescription><Colour>1</Colour></QueueDescription>"),
      400,
      /Colour is not known in a QueueDescription/,
    ],
    [
      "anonymous access",
      entry("<QueueDescription><IsAnonymousAccessible>true</IsAnonymousAccessible></QueueDescription>"),
      400,
      /can only be false/,
    ],
    [
      "everything wrong at once",
      entry(
        "<QueueDescription><LockDuration>x</LockDuration><MaxDeliveryCount>-1</MaxDeliveryCount><RequiresSession>maybe</RequiresSession></QueueDescription>",
      ),
      400,
      /LockDuration must be.*MaxDeliveryCount must be a whole number.*RequiresSession must be true or false/,
    ],
    ["elements without end", `${"<a>".repeat(5_000)}${"</a>".repeat(5_000)}`, 400, /nest more than 32 deep/],
    [
      "a body of 300 kB",
      entry(`<QueueDescription><UserMetadata>${"x".repeat(300_000)}</UserMetadata></QueueDescription>`),
      413,
      /more than the 262144 bytes/,
    ],
  ])("%s", async (_, body, status, why) => {
    const answer = await put("orders", body);
    expect(answer.text).toMatch(why);
    expect(answer.status).toBe(status);
    expect(broker.entities()).toEqual([]);
  });

  it.each<readonly [string, string, number]>([
    ["GET", "%E0%A4%A", 400],
    ["GET", "", 400],
    ["GET", "$Resources/Queues?$skip=-1", 400],
    ["GET", "$Resources/Queues?$top=many", 400],
    ["GET", "none/Subscriptions/none/Rules", 404],
    ["DELETE", "$Resources/Queues", 405],
    ["DELETE", "$namespaceinfo", 405],
    ["POST", "orders", 405],
    ["PATCH", "orders", 405],
    ["PUT", "$Resources/Queues", 400],
  ])("%s /%s", async (method, path, status) => {
    const body = method === "PUT" ? entry(`<QueueDescription ${CONNECT}/>`) : undefined;
    const response = await fetch(`${base}/${path}`, { method, ...(body === undefined ? {} : { body }) });
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(new RegExp(`^<\\?xml.*<Error><Code>${status}</Code><Detail>`));
  });
});

it("an address of 100,000 characters is refused at once", async () => {
  const response = await fetch(`${base}/a${"/".repeat(100_000)}b`);
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/has 100003 characters, at most 4096/);
});

describe("a description is read as it is written", () => {
  it("with prefixes, references and comments", async () => {
    const body =
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom"><!-- ours --><a:content><s:QueueDescription xmlns:s="x">' +
      "<s:UserMetadata>a &lt;b&gt; &amp; &#x263A; &#10;c<![CDATA[ <raw> ]]></s:UserMetadata>" +
      "</s:QueueDescription></a:content></a:entry>";
    const { status, text } = await put("prefixed", body);
    expect(status).toBe(201);
    expect(text).toContain("<UserMetadata>a &lt;b&gt; &amp; ☺ \nc &lt;raw&gt; </UserMetadata>");
    expect((await put("prefixed", body)).status).toBe(409);
    expect((await put("prefixed", body, { "if-match": "*" })).status).toBe(200);
    expect((await fetch(`${base}/prefixed`, { method: "DELETE" })).status).toBe(200);
  });
});

/** Opens a bare connection; gives what comes until it is closed. */
function raw(port: number, send: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1", () => send(socket));
    let got = "";
    socket.on("data", (part: Buffer) => {
      got += part.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(got));
    onTestFinished(() => {
      socket.destroy();
    });
  });
}

describe("a connection that speaks something else is ended, and others go on", () => {
  it.each<readonly [string, string, RegExp]>([
    ["AMQP", "AMQP\u0003\u0001\u0000\u0000", /^HTTP\/1\.1 400/],
    ["nothing known", "hello\r\n\r\n", /^HTTP\/1\.1 400/],
    ["a header without end", `GET / HTTP/1.1\r\nx: ${"y".repeat(200_000)}`, /^HTTP\/1\.1 4\d\d/],
    ["no host", "GET /a HTTP/1.0\r\n\r\n", /names no host/],
    ["a host that is none", "GET /a HTTP/1.1\r\nhost: a b<c>\r\nconnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
    ["TLS where there is none", "\u0016\u0003\u0001", /^$/],
  ])("%s", async (_, bytes, answer) => {
    const got = await raw(Number(new URL(base).port), (socket) => socket.write(Buffer.from(bytes, "latin1")));
    expect(got).toMatch(answer);
    expect((await fetch(`${base}/$namespaceinfo`)).status).toBe(200);
  });

  it("http and https share the port", async () => {
    const { host } = await startAdmin();
    expect((await fetch(`https://${host}/$namespaceinfo`)).status).toBe(200);
    expect((await fetch(`http://${host}/$namespaceinfo`)).status).toBe(200);
  });

  it("a port that takes TLS only refuses plain text", async () => {
    const { broker: other } = await startAdmin();
    const { certificate } = await import("../broker-access/kit.js");
    const { port } = await other.listenAdmin({ tls: await certificate(), plainText: false });
    expect(await raw(port, (socket) => socket.write("GET /a HTTP/1.1\r\nhost: a\r\n\r\n"))).toBe("");
  });

  it("is ended after 30 s without a request, or in the middle of one", async () => {
    const { broker: other, clock } = await startAdmin();
    const { port } = await other.listenAdmin();
    let answered = 0;
    const cut = [
      raw(port, () => {}),
      raw(port, (socket) => socket.write("GET /$namespaceinfo HTTP/1.1\r\nhost: a\r\n")),
      raw(port, (socket) => socket.write("PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf")),
      raw(port, (socket) => {
        socket.once("data", () => {
          answered++;
        });
        socket.write("GET /$namespaceinfo HTTP/1.1\r\nhost: a\r\n\r\n");
      }),
    ];
    await eventually(
      () => answered,
      (count) => count === 1,
    );
    const ended = Promise.all(cut);
    await eventually(
      async () => {
        clock.advance(30_000);
        return Promise.race([ended.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
      },
      (all) => all,
    );
    expect((await ended).map((got) => got.slice(0, 12))).toEqual(["", "", "", "HTTP/1.1 200"]);
  });

  it("closing the broker ends connections that only wait", async () => {
    const other = new Broker();
    const { port } = await other.listenAdmin();
    const waiting = raw(port, () => {});
    const idle = raw(port, (socket) => socket.write("GET /$namespaceinfo HTTP/1.1\r\nhost: a\r\n\r\n"));
    await fetch(`http://127.0.0.1:${port}/$namespaceinfo`);
    await other.close();
    expect(await waiting).toBe("");
    expect(await idle).toMatch(/^HTTP\/1\.1 200|^$/);
  });
});

it("the parser gives an element or a refusal for any text", async () => {
  const piece = fc.constantFrom(
    "<",
    ">",
    "/",
    "</a>",
    "<a>",
    "<a b='c'>",
    "&",
    "&#x0;",
    "&lt;",
    "]]>",
    "<![CDATA[",
    "<?",
    "?>",
    "<!--",
    "-->",
    "__proto__",
    "<__proto__>",
    "=",
    '"',
    "x",
    " ",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), async (pieces) => {
      try {
        expect(typeof (await parseXml(pieces.join("")))).toBe("object");
      } catch (error) {
        expect(error).toMatchObject({ name: "BrokerError", code: "InvalidArgument" });
      }
    }),
    { numRuns: 500 },
  );
});
