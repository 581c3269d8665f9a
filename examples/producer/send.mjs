// Sends one order to a pipeline, signed by this process's own key. Runs in a pod whose service account may ask for its own
// tokens, and whose identity has the send right.
//   node send.mjs pipeline.json contoso.servicebus.windows.net '{"items":[{"sku":"a","count":1}]}'
import { readFile } from "node:fs/promises";
import { DefaultAzureCredential } from "@azure/identity";
import { ServiceBusClient } from "@azure/service-bus";
import { createProducer, kubernetesToken, producerEntity } from "stowage/producer";

const [pipelineFile, host, order] = process.argv.slice(2);
// The contract that the components deployed: the file of the worker's config map.
const pipeline = JSON.parse(await readFile(pipelineFile, "utf8"));
const connectionString = process.env.SERVICE_BUS_EMULATOR;
const client =
  connectionString === undefined
    ? new ServiceBusClient(host, new DefaultAzureCredential())
    : new ServiceBusClient(connectionString);
try {
  const producer = createProducer({
    pipeline,
    sender: client.createSender(producerEntity(pipeline)),
    // Only where the pipeline requires it.
    ...(pipeline.producers?.requireSignature === undefined ? {} : { sign: { token: kubernetesToken() } }),
  });
  const { id: messageId, ...body } = JSON.parse(order);
  // The same id for every try at the same order: a second one changes nothing.
  await producer.send({ body, ...(messageId === undefined ? {} : { messageId }) });
} finally {
  await client.close();
}
