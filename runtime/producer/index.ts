/** `stowage/producer`: messages that fit a pipeline, and signatures that say who sent them. */
export { InvalidInputError, type Pipeline, type Problem, StowageError } from "../contract/index.js";
export type { Draft } from "./drafts.js";
export { type KubernetesTokenOptions, kubernetesToken } from "./kubernetesToken.js";
export {
  createProducer,
  type MessageSender,
  type Producer,
  type ProducerOptions,
  producerEntity,
} from "./producer.js";
export type { PropertyValue } from "./signedPart.js";
export type { SignOptions, TokenSource } from "./signer.js";
