import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.core.util.BinaryData;
import com.azure.messaging.servicebus.ServiceBusClientBuilder;
import com.azure.messaging.servicebus.ServiceBusMessage;
import com.azure.messaging.servicebus.ServiceBusReceivedMessage;
import com.azure.messaging.servicebus.ServiceBusReceiverClient;
import com.azure.messaging.servicebus.ServiceBusSenderClient;
import com.azure.messaging.servicebus.ServiceBusTransactionContext;
import com.azure.messaging.servicebus.models.CompleteOptions;
import com.azure.messaging.servicebus.models.DeadLetterOptions;
import com.azure.messaging.servicebus.models.SubQueue;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What the Java client does with the broker, one operation after another. Prints one JSON object a line:
 * {"operation": name, "ok": true} or {"operation": name, "ok": false, "error": text}. Its argument is the connection
 * string.
 */
public class Operations {
    interface Run {
        void run() throws Exception;
    }

    private static final Duration WAIT = Duration.ofSeconds(5);
    private static final Duration SHORT = Duration.ofMillis(500);
    private static String connection;

    public static void main(String[] args) {
        connection = args[0];
        Map<String, Run> operations = new LinkedHashMap<>();
        operations.put("send, receive and complete", Operations::sendReceive);
        operations.put("abandon, defer and dead-letter", Operations::settle);
        operations.put("a session", Operations::session);
        operations.put("a transaction that is committed", Operations::committed);
        operations.put("a transaction that is rolled back", Operations::rolledBack);
        operations.put("send and complete in one transaction", Operations::sendAndComplete);
        operations.put("a transaction over two entities", Operations::acrossEntities);
        operations.put("a transaction over two entities that is rolled back", Operations::acrossEntitiesRolledBack);
        for (Map.Entry<String, Run> operation : operations.entrySet()) {
            String error = null;
            try {
                operation.getValue().run();
            } catch (Throwable failure) {
                StringWriter text = new StringWriter();
                failure.printStackTrace(new PrintWriter(text));
                error = text.toString();
            }
            System.out.println("{\"operation\": \"" + operation.getKey() + "\", \"ok\": " + (error == null)
                + (error == null ? "}" : ", \"error\": \"" + escaped(error) + "\"}"));
            System.out.flush();
        }
        System.exit(0);
    }

    private static String escaped(String text) {
        String most = text.length() > 2000 ? text.substring(0, 2000) : text;
        return most.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "").replace("\t", "  ");
    }

    private static ServiceBusClientBuilder builder() {
        return new ServiceBusClientBuilder().connectionString(connection)
            .retryOptions(new AmqpRetryOptions().setMaxRetries(0).setTryTimeout(Duration.ofSeconds(10)));
    }

    private static ServiceBusReceiverClient receiver(ServiceBusClientBuilder builder, String queue) {
        return builder.receiver().queueName(queue).disableAutoComplete().maxAutoLockRenewDuration(Duration.ZERO).buildClient();
    }

    private static List<ServiceBusReceivedMessage> receive(ServiceBusReceiverClient receiver, int count, Duration wait) {
        List<ServiceBusReceivedMessage> messages = new ArrayList<>();
        receiver.receiveMessages(count, wait).forEach(messages::add);
        return messages;
    }

    private static ServiceBusReceivedMessage receiveOne(ServiceBusReceiverClient receiver) {
        List<ServiceBusReceivedMessage> messages = receive(receiver, 1, WAIT);
        expect(messages.size(), 1);
        return messages.get(0);
    }

    private static List<String> bodies(ServiceBusReceiverClient receiver) {
        List<String> bodies = new ArrayList<>();
        receiver.peekMessages(100).forEach(message -> bodies.add(message.getBody().toString()));
        return bodies;
    }

    private static void expect(Object seen, Object wanted) {
        if (!Objects.equals(seen, wanted)) {
            throw new AssertionError(seen + " was seen, " + wanted + " expected");
        }
    }

    private static ServiceBusMessage message(String body) {
        return new ServiceBusMessage(BinaryData.fromString(body));
    }

    private static void sendReceive() {
        try (ServiceBusSenderClient sender = builder().sender().queueName("plain").buildClient();
            ServiceBusReceiverClient receiver = receiver(builder(), "plain")) {
            ServiceBusMessage sent = message("one").setMessageId("1").setSubject("label");
            sent.getApplicationProperties().put("n", 7);
            sender.sendMessage(sent);
            ServiceBusReceivedMessage received = receiveOne(receiver);
            expect(received.getBody().toString(), "one");
            expect(received.getMessageId(), "1");
            expect(received.getSubject(), "label");
            expect(received.getApplicationProperties().get("n"), 7);
            receiver.complete(received);
            expect(bodies(receiver), List.of());
        }
    }

    private static void settle() {
        try (ServiceBusSenderClient sender = builder().sender().queueName("settled").buildClient();
            ServiceBusReceiverClient receiver = receiver(builder(), "settled");
            ServiceBusReceiverClient dead = builder().receiver().queueName("settled").subQueue(SubQueue.DEAD_LETTER_QUEUE)
                .disableAutoComplete().buildClient()) {
            sender.sendMessage(message("x"));
            receiver.abandon(receiveOne(receiver));
            ServiceBusReceivedMessage again = receiveOne(receiver);
            expect(again.getDeliveryCount(), 1L);
            receiver.defer(again);
            ServiceBusReceivedMessage deferred = receiver.receiveDeferredMessage(again.getSequenceNumber());
            receiver.deadLetter(deferred, new DeadLetterOptions().setDeadLetterReason("why"));
            ServiceBusReceivedMessage letter = receiveOne(dead);
            expect(letter.getDeadLetterReason(), "why");
            dead.complete(letter);
        }
    }

    private static void session() {
        try (ServiceBusSenderClient sender = builder().sender().queueName("rooms").buildClient()) {
            sender.sendMessage(message("a").setSessionId("s"));
        }
        try (var accepting = builder().sessionReceiver().queueName("rooms").disableAutoComplete().buildClient();
            ServiceBusReceiverClient receiver = accepting.acceptSession("s")) {
            expect(receiver.getSessionId(), "s");
            receiver.setSessionState("half way".getBytes());
            expect(new String(receiver.getSessionState()), "half way");
            receiver.complete(receiveOne(receiver));
        }
    }

    private static void committed() {
        try (ServiceBusSenderClient sender = builder().sender().queueName("committed").buildClient();
            ServiceBusReceiverClient receiver = receiver(builder(), "committed")) {
            ServiceBusTransactionContext transaction = sender.createTransaction();
            sender.sendMessage(message("one"), transaction);
            sender.sendMessage(message("two"), transaction);
            expect(bodies(receiver), List.of());
            sender.commitTransaction(transaction);
            expect(bodies(receiver), List.of("one", "two"));
        }
    }

    private static void rolledBack() {
        try (ServiceBusSenderClient sender = builder().sender().queueName("rolled-back").buildClient();
            ServiceBusReceiverClient receiver = receiver(builder(), "rolled-back")) {
            ServiceBusTransactionContext transaction = sender.createTransaction();
            sender.sendMessage(message("never"), transaction);
            sender.rollbackTransaction(transaction);
            expect(bodies(receiver), List.of());
        }
    }

    private static void sendAndComplete() {
        ServiceBusClientBuilder shared = builder();
        try (ServiceBusSenderClient sender = shared.sender().queueName("one-entity").buildClient();
            ServiceBusReceiverClient receiver = receiver(shared, "one-entity")) {
            sender.sendMessage(message("in"));
            ServiceBusReceivedMessage in = receiveOne(receiver);
            ServiceBusTransactionContext transaction = receiver.createTransaction();
            sender.sendMessage(message("out"), transaction);
            receiver.complete(in, new CompleteOptions().setTransactionContext(transaction));
            receiver.commitTransaction(transaction);
            expect(bodies(receiver), List.of("out"));
        }
    }

    private static void acrossEntities() {
        ServiceBusClientBuilder shared = builder().enableCrossEntityTransactions();
        try (ServiceBusReceiverClient receiver = receiver(shared, "from");
            ServiceBusSenderClient feed = builder().sender().queueName("from").buildClient()) {
            feed.sendMessage(message("in"));
            ServiceBusReceivedMessage in = receiveOne(receiver);
            try (ServiceBusSenderClient sender = shared.sender().queueName("to").buildClient()) {
                ServiceBusTransactionContext transaction = receiver.createTransaction();
                receiver.complete(in, new CompleteOptions().setTransactionContext(transaction));
                sender.sendMessage(message("out"), transaction);
                receiver.commitTransaction(transaction);
            }
            expect(bodies(receiver), List.of());
        }
        try (ServiceBusReceiverClient receiver = receiver(builder(), "to")) {
            ServiceBusReceivedMessage out = receiveOne(receiver);
            expect(out.getBody().toString(), "out");
            receiver.complete(out);
        }
    }

    private static void acrossEntitiesRolledBack() {
        ServiceBusClientBuilder shared = builder().enableCrossEntityTransactions();
        try (ServiceBusReceiverClient receiver = receiver(shared, "from");
            ServiceBusSenderClient feed = builder().sender().queueName("from").buildClient()) {
            feed.sendMessage(message("in"));
            ServiceBusReceivedMessage in = receiveOne(receiver);
            try (ServiceBusSenderClient sender = shared.sender().queueName("to").buildClient()) {
                ServiceBusTransactionContext transaction = receiver.createTransaction();
                receiver.complete(in, new CompleteOptions().setTransactionContext(transaction));
                sender.sendMessage(message("never"), transaction);
                receiver.rollbackTransaction(transaction);
            }
            expect(bodies(receiver), List.of("in"));
        }
        try (ServiceBusReceiverClient receiver = receiver(builder(), "to")) {
            expect(receive(receiver, 1, SHORT).size(), 0);
        }
    }
}
