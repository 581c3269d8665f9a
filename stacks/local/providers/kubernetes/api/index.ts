export { KubernetesApi } from "./server.js";
