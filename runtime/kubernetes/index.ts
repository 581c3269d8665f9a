export { type ApiAnswer, type ApiRequest, apiServerOfPod, askApi, podFile } from "./apiServer.js";
export { KubernetesSecret, SecretCode, type SecretPlace, secretNamed } from "./secret.js";
