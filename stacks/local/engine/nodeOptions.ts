/**
 * Runs in the program's process before the program. Pulumi prints an uncaught error with Node's coloured inspection,
 * and that never ends (until memory for the text does, after 20 to 40 s) on a stack line that ends in
 * `node_modules/@scope/file`, without a folder of a package: Node 20.20 and 24.9, markNodeModules in
 * lib/internal/util/inspect.js. The source maps of Pulumi's SDK name their files like that. So such lines are taken out
 * before Pulumi's own listener sees the error. Listeners come with Pulumi's, so that nothing else is held back.
 */
const TRIM_STACKS = `
const trim = (error, depth = 0) => {
  if (typeof error !== "object" || error === null || depth > 5) return;
  if (typeof error.stack === "string") {
    const lines = error.stack.split("\\n");
    error.stack = lines.filter((line) => !/node_modules[\\\\/]@[^\\\\/]+[\\\\/][^\\\\/]+$/.test(line)).join("\\n");
  }
  trim(error.cause, depth + 1);
  for (const each of Array.isArray(error.errors) ? error.errors : []) trim(each, depth + 1);
};
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on("newListener", function add(name) {
    if (name !== event) return;
    process.off("newListener", add);
    process.prependListener(event, (error) => trim(error));
  });
}
`;

/** NODE_OPTIONS for the engine's programs, in addition to those that are set. */
export function nodeOptions(env: NodeJS.ProcessEnv): string {
  const trim = `--import=data:text/javascript,${encodeURIComponent(TRIM_STACKS)}`;
  return [env["NODE_OPTIONS"] ?? "", trim].join(" ").trim();
}
