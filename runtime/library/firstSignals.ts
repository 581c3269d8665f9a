const STOPS = ["SIGTERM", "SIGINT"] as const;

let first: NodeJS.Signals | undefined;
let handlers = 0;
const keep = (signal: NodeJS.Signals): void => {
  if (handlers === 0) first ??= signal;
};

/**
 * Keeps the first signal that tells this process to stop until somebody can act on it, and has none end it before or
 * after that. Called before anything else is loaded: a pod that is deleted while it starts, or told again while it ends,
 * would otherwise end by the signal, as if it had failed.
 */
export function keepSignals(): void {
  for (const signal of STOPS) process.on(signal, keep);
}

/** Has signals end this process again, as they do without `keepSignals`; one that was kept does so at once. */
export function dropSignals(): void {
  for (const signal of STOPS) process.off(signal, keep);
  if (first !== undefined) process.kill(process.pid, first);
}

/** Tells `handle` of signals, and of one that was kept before this returns. What it returns takes the handler away. */
export function takeSignals(handle: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of STOPS) process.on(signal, handle);
  handlers++;
  const kept = first;
  first = undefined;
  if (kept !== undefined) handle(kept);
  return () => {
    handlers--;
    for (const signal of STOPS) process.off(signal, handle);
  };
}
