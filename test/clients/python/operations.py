"""What the Python client does with the broker, one operation after another.

Prints one JSON object a line: {"operation": name, "ok": true} or {"operation": name, "ok": false, "error": text}.
Arguments: the connection string; the address and the certificate of the administration.
"""

import json
import sys
import traceback
from datetime import datetime, timedelta, timezone

from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceiveMode,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import (
    MessageLockLostError,
    OperationTimeoutError,
    ServiceBusAuthenticationError,
    SessionCannotBeLockedError,
)
from azure.servicebus.management import (
    CorrelationRuleFilter,
    ServiceBusAdministrationClient,
    SqlRuleAction,
    SqlRuleFilter,
)
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

CONNECTION, ADMIN_HOST, CERTIFICATE = sys.argv[1:4]
WAIT = 5
OPERATIONS = []


def operation(name):
    def add(run):
        OPERATIONS.append((name, run))
        return run

    return add


def expect(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{seen!r} was seen, {wanted!r} expected")


def refused(kind, run):
    try:
        run()
    except kind:
        return
    raise AssertionError(f"nothing was refused; {kind.__name__} was expected")


def receive(receiver, count=1):
    taken = []
    while len(taken) < count:
        more = receiver.receive_messages(max_message_count=count - len(taken), max_wait_time=WAIT)
        if not more:
            raise AssertionError(f"{len(taken)} of {count} messages came")
        taken += more
    return taken


def body(message):
    return b"".join(message.body).decode()


@operation("send, receive and complete")
def send_receive(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages(
            ServiceBusMessage(
                "one",
                message_id="1",
                subject="label",
                correlation_id="c",
                content_type="text/plain",
                application_properties={"n": 7, "s": "text", "b": True, "f": 1.5},
            )
        )
        (message,) = receive(receiver)
        expect(body(message), "one")
        expect((message.message_id, message.subject, message.correlation_id), ("1", "label", "c"))
        expect(message.content_type, "text/plain")
        properties = {key.decode(): value for key, value in message.application_properties.items()}
        expect(properties, {"n": 7, "s": b"text", "b": True, "f": 1.5})
        expect(message.delivery_count, 0)
        receiver.complete_message(message)
        expect(receiver.receive_messages(max_wait_time=0.5), [])


@operation("a list and a batch")
def batches(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages([ServiceBusMessage(str(n)) for n in range(50)])
        batch = sender.create_message_batch()
        for n in range(50, 100):
            batch.add_message(ServiceBusMessage(str(n)))
        sender.send_messages(batch)
        messages = receive(receiver, 100)
        expect([body(message) for message in messages], [str(n) for n in range(100)])
        for message in messages:
            receiver.complete_message(message)


@operation("receive and delete")
def receive_and_delete(client):
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders", receive_mode=mode) as receiver:
        sender.send_messages(ServiceBusMessage("gone"))
        expect(body(receive(receiver)[0]), "gone")
        expect(receiver.peek_messages(10), [])


@operation("abandon, lock renewal and lost locks")
def locks(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages(ServiceBusMessage("again"))
        (message,) = receive(receiver)
        before = message.locked_until_utc
        if receiver.renew_message_lock(message) < before:
            raise AssertionError("a renewed lock ends earlier")
        receiver.abandon_message(message)
        (message,) = receive(receiver)
        expect(message.delivery_count, 1)
        receiver.complete_message(message)
    with client.get_queue_sender("short") as sender, client.get_queue_receiver("short") as receiver:
        sender.send_messages(ServiceBusMessage("late"))
        (message,) = receive(receiver)
        # The lock lasts one second; the broker hands the message out again once it is over.
        (again,) = receive(receiver)
        expect(again.sequence_number, message.sequence_number)
        refused(MessageLockLostError, lambda: receiver.renew_message_lock(message))
        receiver.complete_message(again)


@operation("dead letters")
def dead_letters(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages(ServiceBusMessage("bad"))
        (message,) = receive(receiver)
        receiver.dead_letter_message(message, reason="broken", error_description="cannot be read")
    with client.get_queue_receiver("orders", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver:
        (message,) = receive(receiver)
        expect((message.dead_letter_reason, message.dead_letter_error_description), ("broken", "cannot be read"))
        receiver.complete_message(message)


@operation("defer and receive deferred")
def deferred(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages(ServiceBusMessage("later"))
        (message,) = receive(receiver)
        receiver.defer_message(message)
        (back,) = receiver.receive_deferred_messages(message.sequence_number)
        expect(body(back), "later")
        receiver.complete_message(back)


@operation("peek")
def peek(client):
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        sender.send_messages([ServiceBusMessage(str(n)) for n in range(5)])
        first = receiver.peek_messages(2)
        expect([body(message) for message in first], ["0", "1"])
        rest = receiver.peek_messages(10, sequence_number=first[-1].sequence_number + 1)
        expect([body(message) for message in rest], ["2", "3", "4"])
        for message in receive(receiver, 5):
            receiver.complete_message(message)


@operation("schedule and cancel")
def scheduled(client):
    soon = datetime.now(timezone.utc) + timedelta(seconds=1)
    far = datetime.now(timezone.utc) + timedelta(hours=1)
    with client.get_queue_sender("orders") as sender, client.get_queue_receiver("orders") as receiver:
        kept = sender.schedule_messages([ServiceBusMessage("soon")], soon)
        expect(len(kept), 1)
        never = sender.schedule_messages([ServiceBusMessage("never"), ServiceBusMessage("never")], far)
        sender.cancel_scheduled_messages(never)
        (message,) = receive(receiver)
        expect(body(message), "soon")
        receiver.complete_message(message)
        expect(receiver.peek_messages(10), [])


@operation("sessions by name, in order, with state")
def sessions(client):
    with client.get_queue_sender("rooms") as sender:
        sender.send_messages([ServiceBusMessage(str(n), session_id="a") for n in range(3)])
    with client.get_queue_receiver("rooms", session_id="a", max_wait_time=WAIT) as receiver:
        expect(receiver.session.session_id, "a")
        receiver.session.set_state("half way")
        expect(receiver.session.get_state(), b"half way")
        receiver.session.renew_lock()
        messages = receive(receiver, 3)
        expect([body(message) for message in messages], ["0", "1", "2"])
        refused(SessionCannotBeLockedError, lambda: client.get_queue_receiver("rooms", session_id="a").__enter__())
        for message in messages:
            receiver.complete_message(message)
        receiver.session.set_state(None)


@operation("the next session there is, and none")
def next_session(client):
    with client.get_queue_sender("rooms") as sender:
        sender.send_messages(ServiceBusMessage("b", session_id="b"))
    with client.get_queue_receiver("rooms", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT) as receiver:
        expect(receiver.session.session_id, "b")
        receiver.complete_message(receive(receiver)[0])
    refused(
        OperationTimeoutError,
        lambda: client.get_queue_receiver("rooms", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1).__enter__(),
    )


@operation("topics, subscriptions and rules")
def topics(client):
    with client.get_topic_sender("events") as sender:
        for colour in ("red", "blue"):
            sender.send_messages(ServiceBusMessage(colour, application_properties={"colour": colour}))
    with client.get_subscription_receiver("events", "all") as receiver:
        messages = receive(receiver, 2)
        expect([body(message) for message in messages], ["red", "blue"])
        for message in messages:
            receiver.complete_message(message)
    with client.get_subscription_receiver("events", "red") as receiver:
        (message,) = receive(receiver)
        expect(body(message), "red")
        receiver.complete_message(message)
        expect(receiver.receive_messages(max_wait_time=0.5), [])


@operation("a lock that the client renews by itself")
def auto_renewal(client):
    # Longer than the lock of four seconds, which is long enough for a machine that is busy.
    with AutoLockRenewer() as renewer, client.get_queue_sender("renewed") as sender:
        sender.send_messages(ServiceBusMessage("long work"))
        with client.get_queue_receiver("renewed") as receiver:
            (message,) = receive(receiver)
            renewer.register(receiver, message, max_lock_renewal_duration=10)
            expect(receiver.receive_messages(max_wait_time=5), [])
            receiver.complete_message(message)


@operation("what is not there is refused")
def missing(client):
    def send():
        with client.get_queue_sender("none") as sender:
            sender.send_messages(ServiceBusMessage("lost"))

    # The service refuses the token for what is not there, and this client calls every such refusal the same.
    refused(ServiceBusAuthenticationError, send)


@operation("administration: queues")
def admin_queues(_client):
    with admin() as manager:
        made = manager.create_queue("made", lock_duration=timedelta(seconds=20), max_delivery_count=3)
        expect((made.name, made.lock_duration, made.max_delivery_count), ("made", timedelta(seconds=20), 3))
        refused(ResourceExistsError, lambda: manager.create_queue("made"))
        made.max_delivery_count = 4
        manager.update_queue(made)
        expect(manager.get_queue("made").max_delivery_count, 4)
        if "made" not in [queue.name for queue in manager.list_queues()]:
            raise AssertionError("the queue is not in the list")
        expect(manager.get_queue_runtime_properties("made").active_message_count, 0)
        manager.delete_queue("made")
        refused(ResourceNotFoundError, lambda: manager.get_queue("made"))


@operation("administration: topics, subscriptions and rules")
def admin_topics(client):
    with admin() as manager:
        manager.create_topic("news")
        manager.create_subscription("news", "some", requires_session=False)
        manager.delete_rule("news", "some", "$Default")
        manager.create_rule(
            "news",
            "some",
            "sql",
            filter=SqlRuleFilter("n > 3", {}),
            action=SqlRuleAction("SET seen = TRUE"),
        )
        manager.create_rule("news", "some", "label", filter=CorrelationRuleFilter(label="always"))
        expect(sorted(rule.name for rule in manager.list_rules("news", "some")), ["label", "sql"])
        with client.get_topic_sender("news") as sender:
            sender.send_messages(
                [
                    ServiceBusMessage("4", application_properties={"n": 4}),
                    ServiceBusMessage("3", application_properties={"n": 3}),
                    ServiceBusMessage("label", subject="always"),
                ]
            )
        expect(manager.get_subscription_runtime_properties("news", "some").active_message_count, 2)
        with client.get_subscription_receiver("news", "some") as receiver:
            messages = receive(receiver, 2)
            expect([body(message) for message in messages], ["4", "label"])
            expect(messages[0].application_properties.get(b"seen"), True)
            for message in messages:
                receiver.complete_message(message)
        manager.delete_topic("news")


@operation("administration: the namespace")
def admin_namespace(_client):
    with admin() as manager:
        if not manager.get_namespace_properties().messaging_sku:
            raise AssertionError("the namespace has no tier")


def admin():
    text = f"Endpoint=sb://{ADMIN_HOST}/;SharedAccessKeyName=local;SharedAccessKey=local"
    return ServiceBusAdministrationClient.from_connection_string(text, connection_verify=CERTIFICATE, retry_total=0)


def main():
    with ServiceBusClient.from_connection_string(CONNECTION, retry_total=0) as client:
        for name, run in OPERATIONS:
            told = {"operation": name, "ok": True}
            try:
                run(client)
            except Exception:  # pylint: disable=broad-except
                told = {"operation": name, "ok": False, "error": traceback.format_exc(limit=-3)}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
