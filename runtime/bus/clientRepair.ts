/** A method of the client's inner parts, by name. */
type Maker = (...args: unknown[]) => Promise<object>;

let repaired = false;

/**
 * Repairs a fault of the client that ends the process. A request to `$management` (a renewal, a session's state) whose
 * link is lost meanwhile is given up by a timer, and that timer asks the lost link for its address: rhea-promise 3
 * (`Link.address`) then throws out of the timer, where nobody can catch it, and the request is never answered. The first
 * link that a connection makes is enough to mend that getter for all of them. Where the client looks different inside,
 * nothing is done.
 */
export function repairClient(client: object): void {
  const connection = inside(inside(client, "_connectionContext"), "connection");
  if (repaired || connection === undefined) return;
  onceMade(connection, "createSession", (session) => onceMade(session, "createReceiver", repairAddress));
}

/**
 * Ends the client's connection without a word to the other side, which does not answer. What waits for an answer on it
 * fails, and nothing of it keeps the process from ending. Where the client looks different inside, nothing is done.
 */
export function sever(client: object): void {
  const connection = inside(inside(client, "_connectionContext"), "connection");
  const socket = inside(inside(connection, "_connection"), "socket");
  const destroy: unknown = socket && Reflect.get(socket, "destroy");
  if (typeof destroy === "function") destroy.call(socket);
}

/** Calls `then` with what the method makes, the first time. */
function onceMade(owner: object, name: string, then: (made: object) => void): void {
  const method: unknown = Reflect.get(owner, name);
  if (typeof method !== "function") return;
  const make: Maker = method.bind(owner);
  const value: Maker = async (...args) => {
    const made = await make(...args);
    Reflect.deleteProperty(owner, name);
    then(made);
    return made;
  };
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

function repairAddress(link: object): void {
  for (let proto = Object.getPrototypeOf(link); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const get = Object.getOwnPropertyDescriptor(proto, "address")?.get;
    if (get === undefined) continue;
    const safe = function (this: object): unknown {
      return inside(this, "source") === undefined ? undefined : get.call(this);
    };
    Object.defineProperty(proto, "address", { get: safe, configurable: true });
    repaired = true;
    return;
  }
}

function inside(owner: object | undefined, name: string): object | undefined {
  const value: unknown = owner === undefined ? undefined : Reflect.get(owner, name);
  return typeof value === "object" && value !== null ? value : undefined;
}
