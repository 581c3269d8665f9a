import { describe, expect, it } from "vitest";
import type { BrokerError } from "../../../stacks/local/broker/core/errors.js";
import type { SessionLock } from "../../../stacks/local/broker/core/sessions.js";
import { bench, codeOf, content, receive } from "./helpers.js";

function sessionBench(lockDurationSeconds = 30) {
  const made = bench();
  made.namespace.putQueue("work", { requiresSession: true, lockDurationSeconds, maxDeliveryCount: 3 });
  const work = made.queue("work");
  const send = (...ids: string[]): void => {
    work.send(ids.map((id) => content(id, { sessionId: id.slice(0, 1) })));
  };
  return { ...made, work, send };
}

class Waiter {
  lock: SessionLock | undefined;
  error: BrokerError | undefined;
  accepted(lock: SessionLock): void {
    this.lock = lock;
  }
  failed(error: BrokerError): void {
    this.error = error;
  }
  get session(): string | undefined {
    return this.lock?.session.id;
  }
}

describe("sessions", () => {
  it("keep their order, each for the one that holds it", () => {
    const { work, send } = sessionBench();
    send("a1", "b1", "a2", "b2", "a3");
    const a = receive(work, 10, "peekLock", work.acceptSession("a"));
    const b = receive(work, 10, "peekLock", work.acceptSession("b"));
    send("a4", "b3");
    expect(a.sink.ids).toEqual(["a1", "a2", "a3", "a4"]);
    expect(b.sink.ids).toEqual(["b1", "b2", "b3"]);
  });

  it("are refused while another holds them, and free once it gives them up", () => {
    const { work, send } = sessionBench();
    send("a1");
    const first = receive(work, 0, "peekLock", work.acceptSession("a"));
    expect(codeOf(() => work.acceptSession("a"))).toBe("SessionCannotBeLocked");
    first.consumer.close();
    expect(receive(work, 1, "peekLock", work.acceptSession("a")).sink.ids).toEqual(["a1"]);
  });

  it("may be accepted by name before they have a message", () => {
    const { work, send } = sessionBench();
    const a = receive(work, 1, "peekLock", work.acceptSession("a"));
    send("a1");
    expect(a.sink.ids).toEqual(["a1"]);
  });

  it("are given to whoever takes any, the longest waiting first, each once", () => {
    const { work, send } = sessionBench();
    send("a1", "b1", "a2");
    const waiters = [new Waiter(), new Waiter(), new Waiter()];
    for (const waiter of waiters) {
      work.acceptNextSession(1_000, waiter);
    }
    expect(waiters.map((waiter) => waiter.session)).toEqual(["a", "b", undefined]);
    send("c1");
    expect(waiters[2]?.session).toBe("c");
  });

  it("make the one who takes any wait until a message comes, another gives one up, or its time ends", () => {
    const { work, send, clock } = sessionBench();
    const late = new Waiter();
    work.acceptNextSession(1_000, late);
    clock.advance(999);
    expect(late.error).toBeUndefined();
    clock.advance(1);
    expect(late.error?.code).toBe("Timeout");

    send("a1");
    const holder = receive(work, 1, "peekLock", work.acceptSession("a"));
    const waiter = new Waiter();
    work.acceptNextSession(1_000, waiter);
    expect(waiter.session).toBeUndefined();
    holder.consumer.close();
    expect(waiter.session).toBe("a");
    expect(late.session).toBeUndefined();
  });

  it("are not given to one who stopped waiting", () => {
    const { work, send, clock } = sessionBench();
    const waiter = new Waiter();
    const stop = work.acceptNextSession(1_000, waiter);
    stop();
    send("a1");
    clock.advance(2_000);
    expect([waiter.lock, waiter.error]).toEqual([undefined, undefined]);
  });

  it("given up with unsettled messages: these go back in order and cost no delivery", () => {
    const { work, send } = sessionBench();
    send("a1", "a2", "a3");
    const first = receive(work, 2, "peekLock", work.acceptSession("a"));
    first.consumer.close();
    const second = receive(work, 10, "peekLock", work.acceptSession("a"));
    expect(second.sink.ids).toEqual(["a1", "a2", "a3"]);
    expect(second.sink.received.map(({ message }) => message.deliveryCount)).toEqual([0, 0, 0]);
    expect(codeOf(() => work.settle(first.sink.lock(0), { kind: "complete" }))).toBe("SessionLockLost");
  });

  it("expired: the receiver is detached with SessionLockLost, and what it held costs a delivery", () => {
    const { work, send, clock } = sessionBench(10);
    send("a1", "a2");
    const first = receive(work, 1, "peekLock", work.acceptSession("a"));
    clock.advance(10_000);
    expect(first.sink.detached?.code).toBe("SessionLockLost");
    expect(codeOf(() => work.settle(first.sink.lock(0), { kind: "complete" }))).toBe("SessionLockLost");
    const second = receive(work, 10, "peekLock", work.acceptSession("a"));
    expect(second.sink.received.map(({ message }) => message.deliveryCount)).toEqual([1, 0]);
  });

  it("renewed: they last, and their messages' locks with them", () => {
    const { work, send, clock } = sessionBench(10);
    send("a1");
    const lock = work.acceptSession("a");
    const { sink } = receive(work, 1, "peekLock", lock);
    clock.advance(8_000);
    expect(work.sessions?.renew(lock)).toBe(clock.now() + 10_000);
    expect(sink.lock(0).lockedUntil).toBe(clock.now() + 10_000);
    clock.advance(9_999);
    expect(sink.detached).toBeUndefined();
    clock.advance(1);
    expect(codeOf(() => work.sessions?.renew(lock))).toBe("SessionLockLost");
  });

  it("have no message locks of their own to renew", () => {
    const { work, send } = sessionBench();
    send("a1");
    const { sink } = receive(work, 1, "peekLock", work.acceptSession("a"));
    expect(codeOf(() => work.renew(sink.lock(0)))).toBe("NotAllowed");
  });

  it("put an abandoned message in front again, and dead-letter it after its last delivery", () => {
    const { work, send, queue } = sessionBench();
    send("a1", "a2");
    const { sink } = receive(work, 10, "peekLock", work.acceptSession("a"));
    work.settle(sink.lock(0), { kind: "abandon" });
    work.settle(sink.lock(2), { kind: "abandon" });
    work.settle(sink.lock(3), { kind: "abandon" });
    expect(sink.ids).toEqual(["a1", "a2", "a1", "a1"]);
    expect(receive(queue("work/$DeadLetterQueue"), 1).sink.ids).toEqual(["a1"]);
  });

  it("keep their state when nobody holds them, until it is cleared", () => {
    const { work } = sessionBench();
    const lock = work.acceptSession("a");
    work.sessions?.setState(lock, Buffer.from("half done"));
    work.sessions?.release(lock);
    expect(work.sessions?.size).toBe(1);
    const again = work.acceptSession("a");
    expect(again.session.state?.toString()).toBe("half done");
    work.sessions?.setState(again, undefined);
    work.sessions?.release(again);
    expect(work.sessions?.size).toBe(0);
  });

  it("hand their deferred messages to the one that holds them", () => {
    const { work, send } = sessionBench();
    send("a1", "b1");
    const a = work.acceptSession("a");
    const { sink } = receive(work, 1, "peekLock", a);
    const number = sink.lock(0).message.sequenceNumber;
    work.settle(sink.lock(0), { kind: "defer" });
    expect(codeOf(() => work.receiveDeferred([number], "peekLock", undefined))).toBe("SessionLockLost");
    expect(codeOf(() => work.receiveDeferred([number], "peekLock", work.acceptSession("b")))).toBe("SessionLockLost");
    expect(work.receiveDeferred([number], "peekLock", a)[0]?.message.content.messageId).toBe("a1");
  });

  it("refuse a message without an id, and a receiver without a session", () => {
    const { work, namespace, queue } = sessionBench();
    namespace.putQueue("plain", {});
    expect(codeOf(() => work.send([content("x")]))).toBe("SessionIdMissing");
    expect(codeOf(() => receive(work, 1))).toBe("NotAllowed");
    expect(codeOf(() => queue("plain").acceptSession("a"))).toBe("NotAllowed");
  });

  it("tell those who wait when the queue is deleted, and leave nothing behind", () => {
    const { work, send, namespace } = sessionBench();
    send("a1", "a2");
    const held = receive(work, 1, "peekLock", work.acceptSession("a"));
    const waiter = new Waiter();
    work.acceptNextSession(60_000, waiter);
    namespace.deleteQueue("work");
    expect(waiter.error?.code).toBe("EntityNotFound");
    expect(held.sink.detached?.code).toBe("EntityNotFound");
    expect([namespace.deadlines.size, namespace.memory.used, namespace.locks.size]).toEqual([0, 0, 0]);
  });
});
