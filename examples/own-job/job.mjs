// A job of one's own: a JSON order becomes a CSV file on the volume, line by line.
import { setImmediate as nextTurn } from "node:timers/promises";
import { defineJob, JobRefused } from "stowage/runtime";

export default defineJob(
  (message, { signal }) => {
    const order = parsed(message.body);
    return lines(order, signal);
  },
  { name: "order to csv" },
);

// No other run can do better: the message is dead-lettered with this sentence.
function parsed(body) {
  try {
    const order = JSON.parse(body.toString("utf8"));
    if (Array.isArray(order.items)) return order;
  } catch (error) {
    throw new JobRefused(`The body is not JSON: ${error.message}`);
  }
  throw new JobRefused("The order has no list of items.");
}

// Piece by piece, at the pace at which the volume takes it. Between pieces other messages get their turn.
async function* lines(order, signal) {
  yield "sku,count\n";
  for (const { sku, count } of order.items) {
    signal.throwIfAborted();
    yield `${JSON.stringify(sku)},${Number(count)}\n`;
    await nextTurn();
  }
}
