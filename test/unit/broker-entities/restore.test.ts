import { describe, expect, it } from "vitest";
import { MessageState } from "../../../stacks/local/broker/core/message.js";
import type { Queue } from "../../../stacks/local/broker/core/queue.js";
import type { RestingState } from "../../../stacks/local/broker/core/shelf.js";
import { bench, codeOf, content, receive } from "../broker/helpers.js";

const ALL = { messages: 10_000, bytes: 1e9 };

function resting(state: string): RestingState {
  return state === MessageState.Deferred || state === MessageState.Scheduled ? state : MessageState.Active;
}

/** Brings one queue over to another, as what outlives a restart. */
function carry(from: Queue, to: Queue): void {
  to.restoreProgress(from.progress);
  for (const record of from.sessions?.states() ?? []) {
    to.sessions?.restoreState(record);
  }
  for (const { content: kept, state, ...numbers } of from.peek(0, ALL)) {
    to.restore(kept, numbers, resting(state));
  }
  to.times.restore(from.times);
  to.pump();
}

function facts(queue: Queue) {
  return queue.peek(0, ALL).map((message) => ({
    id: message.content.messageId,
    sequenceNumber: message.sequenceNumber,
    enqueuedSequenceNumber: message.enqueuedSequenceNumber,
    enqueuedAt: message.enqueuedAt,
    expiresAt: message.expiresAt,
    deliveryCount: message.deliveryCount,
    changes: message.changes,
    hops: message.hops,
    state: resting(message.state),
  }));
}

describe("a queue that is put back", () => {
  it("has its messages as they were, those that were locked waiting, and goes on numbering", () => {
    const before = bench();
    const after = bench();
    for (const { namespace } of [before, after]) {
      namespace.putQueue("q", { timeToLive: 600, requiresDuplicateDetection: true, maxDeliveryCount: 5 });
    }
    const old = before.queue("q");
    const at = before.clock.now() + 60_000;
    old.send(["a", "b", "c", "d", "gone"].map((id) => content(id)));
    old.send([content("later", { scheduledAt: at })]);
    const { sink } = receive(old, 5);
    old.settle(sink.lock(0), { kind: "defer" });
    old.settle(sink.lock(1), { kind: "abandon", changes: new Map([["why", "x"]]) });
    old.settle(sink.lock(2), { kind: "deadLetter", reason: "r" });
    old.settle(sink.lock(4), { kind: "complete" });
    const now = after.queue("q");
    carry(old, now);
    carry(before.queue("q/$DeadLetterQueue"), after.queue("q/$DeadLetterQueue"));
    expect(facts(now)).toEqual(facts(old));
    expect(facts(after.queue("q/$DeadLetterQueue"))).toEqual(facts(before.queue("q/$DeadLetterQueue")));
    expect(now.counts()).toMatchObject({ active: 2, locked: 0, deferred: 1, scheduled: 1 });
    expect(after.namespace.memory.used).toBe(before.namespace.memory.used);
    // What was seen is dropped; what is new has a number of its own.
    now.send([content("gone")]);
    expect(now.counts().active).toBe(2);
    now.send([content("new")]);
    expect(facts(now).at(-1)?.sequenceNumber).toBe(8);
    expect(receive(now, 10).sink.ids).toEqual(["b", "d", "new"]);
    after.clock.advance(60_000);
    expect(facts(now).at(-1)?.id).toBe("later");
  });

  it("expires what expired meanwhile, and forwards what was waiting to go on", () => {
    const before = bench();
    const after = bench();
    for (const { namespace } of [before, after]) {
      namespace.putQueue("end", {});
    }
    before.namespace.putQueue("q", { status: "ReceiveDisabled", forwardTo: "end" });
    after.namespace.putQueue("q", { forwardTo: "end" });
    before.queue("q").send([content("short", { timeToLiveMs: 1_000 }), content("long")]);
    after.clock.advance(5_000);
    carry(before.queue("q"), after.queue("q"));
    after.clock.advance(0);
    expect(facts(after.queue("end")).map(({ id }) => id)).toEqual(["long"]);
    expect(after.queue("q").counts()).toMatchObject({ active: 0, transfer: 0, bytes: 0 });
  });

  it("keeps the states of sessions and their messages in order; nobody holds them", () => {
    const before = bench();
    const after = bench();
    for (const { namespace } of [before, after]) {
      namespace.putQueue("q", { requiresSession: true });
    }
    const old = before.queue("q");
    old.send(["1", "2", "3"].map((id) => content(id, { sessionId: "s" })));
    const lock = old.acceptSession("s");
    old.sessions?.setState(lock, Buffer.from("half way"));
    receive(old, 2, "peekLock", lock);
    const empty = old.acceptSession("only a state");
    old.sessions?.setState(empty, Buffer.from("x"));
    const now = after.queue("q");
    carry(old, now);
    const again = now.acceptSession("s");
    expect(again.session.state).toEqual(Buffer.from("half way"));
    expect(receive(now, 5, "peekLock", again).sink.ids).toEqual(["1", "2", "3"]);
    expect(now.sessions?.list(0, 0, 10)).toEqual(["only a state", "s"]);
    expect(codeOf(() => now.acceptSession("s"))).toBe("SessionCannotBeLocked");
  });

  it("keeps its times, and its idle time goes on where it was", () => {
    const before = bench();
    before.namespace.putQueue("q", {});
    before.clock.advance(1_000);
    before.queue("q").send([content("a")]);
    const after = bench();
    after.clock.advance(31_000);
    after.namespace.putQueue("q", { autoDeleteOnIdleSeconds: 40 });
    const now = after.queue("q");
    now.times.restore(before.queue("q").times);
    expect(now.times).toMatchObject({ createdAt: 1_000_000, accessedAt: 1_001_000 });
    after.clock.advance(9_999);
    expect(after.namespace.find("q")).toBeDefined();
    after.clock.advance(1);
    expect(after.namespace.find("q")).toBeUndefined();
  });
});
