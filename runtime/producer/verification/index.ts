export { COPY_SECONDS, ProducerVerifier, type VerifierOptions } from "./verifier.js";
