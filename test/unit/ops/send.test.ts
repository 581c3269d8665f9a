import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StowageError } from "../../../runtime/contract/index.js";
import { Pacer } from "../../../runtime/ops/concurrency.js";
import {
  type BatchSender,
  LineError,
  LineSender,
  linesOf,
  messagesOf,
  readLine,
} from "../../../runtime/ops/send/index.js";
import { OpsKit } from "./kit.js";

/** The text in pieces of so many bytes. */
async function* pieces(text: string | Buffer, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  // A stream may use its memory again: what was handed over is overwritten.
  for (let at = 0; at < bytes.length; at += size) {
    const piece = Uint8Array.from(bytes.subarray(at, at + size));
    yield piece;
    piece.fill(0);
  }
}

async function lines(text: string | Buffer, size = 7, most = 1_000): Promise<string[]> {
  const found: string[] = [];
  for await (const line of linesOf(pieces(text, size), most)) found.push(line.text);
  return found;
}

const clock = { now: () => performance.now(), after: () => () => undefined };

function sending(sender: BatchSender, signal = new AbortController().signal): LineSender {
  return new LineSender({ sender, pacer: new Pacer(0, clock), signal, onProgress: () => undefined });
}

/** Messages of a text as `stowage send --file` reads them. */
function messages(text: string, fromLine = 1, mostBytes = 1_000_000) {
  return messagesOf(pieces(text, 64), { defaults: {}, fromLine, mostBytes });
}

const numbered = (count: number, sessionId?: string): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ messageId: `m-${i + 1}`, body: i + 1, sessionId })).join(
    "\n",
  );

describe("lines", () => {
  it("are the same however the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\ufeff]/g, ""))),
        fc.integer({ min: 1, max: 40 }),
        async (wanted, size) => {
          const text = wanted.map((line) => `${line}\n`).join("");
          expect(await lines(text, size, 100_000)).toEqual(wanted);
        },
      ),
    );
  });

  it("end at a carriage return too, need no feed at the end, and begin behind a byte order mark", async () => {
    expect(await lines("\ufeffa\r\nb\n\nc")).toEqual(["a", "b", "", "c"]);
  });

  it.each([
    [Buffer.from("ok\n\xff\xfe\n", "latin1"), "line 2: is no UTF-8"],
    [`a\nb\n${"x".repeat(1_001)}`, "line 3: is longer than 1000 bytes"],
    [`${"x".repeat(2_000)}\n`, "line 1: is longer than 1000 bytes"],
  ])("%# that cannot be read are named", async (text, words) => {
    await expect(lines(text)).rejects.toThrow(words);
  });
});

describe("a line", () => {
  it("becomes the message that it says, with all digits of its numbers", () => {
    const text =
      '{"messageId":"m","body":{"id":12345678901234567890,"x":1.10},"sessionId":"s","subject":"sub","replyTo":"answers",' +
      '"timeToLiveSeconds":1.5,"scheduledEnqueueTime":"2030-01-01T00:00:00+01:00","properties":{"a":1,"b":null,"c":true}}';
    const message = readLine(text, 1, {});
    expect(message).toEqual({
      ...{ messageId: "m", sessionId: "s", subject: "sub", replyTo: "answers", contentType: "application/json" },
      body: Buffer.from('{"id":12345678901234567890,"x":1.10}'),
      timeToLive: 1_500,
      scheduledEnqueueTimeUtc: new Date("2029-12-31T23:00:00Z"),
      applicationProperties: { a: 1, b: null, c: true },
    });
  });

  it("gets from the options what it does not say", () => {
    const defaults = { idPrefix: "load", subject: "all", properties: { a: 1, b: 2 } };
    expect(readLine('{"bodyText":"ä","properties":{"b":3}}', 7, defaults)).toMatchObject({
      messageId: "load-7",
      subject: "all",
      body: Buffer.from("ä"),
      applicationProperties: { a: 1, b: 3 },
    });
    expect(readLine('{"bodyBase64":"AP8=","messageId":"x"}', 1, {})).toMatchObject({ body: Buffer.from([0, 255]) });
  });

  it.each([
    ["nonsense", "is no JSON"],
    ["[1]", "the line: must be an object"],
    ['{"body":1}', "has no messageId"],
    ['{"messageId":"m","sesionId":"s"}', "Did you mean sessionId?"],
    ['{"messageId":"m","body":1,"bodyText":"x"}', "must have one of body, bodyText and bodyBase64"],
    ['{"messageId":"m","sessionId":"s","partitionKey":"p"}', "partitionKey must be the sessionId"],
    ['{"messageId":"m","bodyBase64":"%"}', "must be Base64"],
    ['{"messageId":"m","scheduledEnqueueTime":"tomorrow"}', "must be a moment with its zone"],
    ['{"messageId":"m","properties":{"n":12345678901234567890}}', "within 2^53"],
    ['{"messageId":"m","properties":{"o":{}}}', "must be text, true, false, null"],
    [`{"messageId":"${"x".repeat(129)}"}`, "at most 128 characters"],
    ['{"messageId":"m","timeToLiveSeconds":0}', "at least 0.001"],
  ])("%s is refused: %s", (text, words) => {
    expect(readLine(text, 1, {})).toContain(words);
  });
});

describe("sending lines", () => {
  it("keeps their order, in as few batches as fit", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const sender = kit.client().createSender("orders");
    let batches = 0;
    const counting: BatchSender = {
      createMessageBatch: () => sender.createMessageBatch(),
      sendMessages: (batch) => {
        batches++;
        return sender.sendMessages(batch);
      },
    };
    expect(await sending(counting).send(messages(numbered(1_200)))).toEqual({ accepted: 1_200, lastLine: 1_200 });
    expect(batches).toBe(3);
    const found = await kit.content("orders");
    expect(found.map(({ messageId }) => messageId)).toEqual(Array.from({ length: 1_200 }, (_, i) => `m-${i + 1}`));
  });

  it("begins at the line that it is told", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const sender = kit.client().createSender("orders");
    expect(await sending(sender).send(messages(numbered(10), 8))).toEqual({ accepted: 3, lastLine: 10 });
    expect((await kit.content("orders")).map(({ messageId }) => messageId)).toEqual(["m-8", "m-9", "m-10"]);
  });

  it("names the line that the entity does not take, and has sent all before it", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders", { requiresSession: true });
    const text = `${numbered(4, "s")}\n{"messageId":"without","body":1}\n${numbered(2, "t")}`;
    const lineSender = sending(kit.client().createSender("orders"));
    const error = await lineSender.send(messages(text)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StowageError);
    expect(error).toMatchObject({ code: "MessageRefused", message: expect.stringContaining("line 5:") });
    expect(lineSender.sent).toEqual({ accepted: 4, lastLine: 4 });
    expect(await kit.content("orders")).toHaveLength(4);
  });

  it("names the line whose message is larger than the entity takes", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const big = JSON.stringify({ messageId: "big", bodyText: "x".repeat(300_000) });
    const lineSender = sending(kit.client().createSender("orders"));
    await expect(lineSender.send(messages(`${numbered(3)}\n${big}`))).rejects.toThrow("line 4:");
    expect(lineSender.sent).toEqual({ accepted: 3, lastLine: 3 });
  });

  it("sends what stands before a line that is no message, and names it", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const lineSender = sending(kit.client().createSender("orders"));
    const error = await lineSender.send(messages(`${numbered(3)}\nbad\n${numbered(1)}`)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LineError);
    expect(error).toMatchObject({ line: 4 });
    expect(lineSender.sent).toEqual({ accepted: 3, lastLine: 3 });
    expect(await kit.content("orders")).toHaveLength(3);
  });

  it("says which lines may or may not have been taken where no answer came", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const sender = kit.client().createSender("orders");
    let calls = 0;
    const dying: BatchSender = {
      createMessageBatch: () => sender.createMessageBatch(),
      sendMessages: async (batch) => {
        await sender.sendMessages(batch);
        if (++calls === 2) throw Object.assign(new Error("the link is gone"), { code: "ServiceTimeout" });
      },
    };
    const lineSender = sending(dying);
    const error = await lineSender.send(messages(numbered(1_200))).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "SendUncertain", message: expect.stringContaining("--from-line 501") });
    expect(String(error)).toContain("Lines 501 to 1000");
    expect(lineSender.sent).toEqual({ accepted: 500, lastLine: 500 });
  });

  it("ends between two batches where it is told to stop", async () => {
    const kit = await OpsKit.open();
    kit.queue("orders");
    const sender = kit.client().createSender("orders");
    const stop = new AbortController();
    const stopping: BatchSender = {
      createMessageBatch: () => sender.createMessageBatch(),
      sendMessages: async (batch) => {
        await sender.sendMessages(batch);
        stop.abort();
      },
    };
    expect(await sending(stopping, stop.signal).send(messages(numbered(1_200)))).toEqual({
      accepted: 500,
      lastLine: 500,
    });
    expect(await kit.content("orders")).toHaveLength(500);
  });

  it("holds one batch, however long the file is", async () => {
    let [drawn, sent, most] = [0, 0, 0];
    const batch = () => {
      let count = 0;
      return { maxSizeInBytes: 1_000_000, tryAddMessage: () => ++count <= 10_000, count } as never;
    };
    const sender: BatchSender = {
      createMessageBatch: async () => batch(),
      sendMessages: async () => {
        sent = drawn - 1;
      },
    };
    async function* endless() {
      for (let line = 1; line <= 50_000; line++) {
        drawn++;
        most = Math.max(most, drawn - sent);
        yield { line, message: { messageId: `m-${line}`, body: "" }, bytes: line };
      }
    }
    expect(await sending(sender).send(endless())).toMatchObject({ accepted: 50_000 });
    expect(most).toBeLessThanOrEqual(502);
  });
});
