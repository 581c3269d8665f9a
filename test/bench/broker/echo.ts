import type { AddressInfo } from "node:net";
import { create_container, type EventContext, type Sender } from "rhea";
import { answerParent } from "../../support/childProgram.js";

// What a broker's latency is compared with: `rhea` at both ends, which sends each message back as it comes.

const container = create_container();
let back: Sender | undefined;
container.on("sender_open", ({ sender }: EventContext) => {
  back = sender;
});
container.on("message", ({ message }: EventContext) => {
  if (message !== undefined) back?.send(message);
});
for (const event of ["disconnected", "connection_close", "error"]) container.on(event, () => {});

const server = container.listen({ host: "127.0.0.1", port: 0 });
server.once("listening", () => {
  const { port } = server.address() as AddressInfo;
  answerParent(
    { port },
    () => true,
    async () => void server.close(),
  );
});
