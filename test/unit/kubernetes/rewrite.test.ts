import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expand } from "../../../stacks/local/providers/kubernetes/pods/expand.js";
import { type Places, rewriteFile, rewriteText } from "../../../stacks/local/providers/kubernetes/pods/rewrite.js";

const PLACES: Places = {
  mounts: new Map([
    ["/etc/stowage", "/run/7/files/config"],
    ["/etc/stowage/keys", "/run/7/files/keys"],
    ["/data", "/run/7/volumes/data"],
  ]),
  ports: new Map([
    [8080, 21001],
    [80, 21002],
  ]),
};

describe("a command, an argument or a variable", () => {
  it.each([
    ["127.0.0.1:8080", "127.0.0.1:21001"],
    ["http://localhost:8080/livez", "http://localhost:21001/livez"],
    ["0.0.0.0:8080", "0.0.0.0:21001"],
    ["[::]:8080", "[::]:21001"],
    [":8080", ":21001"],
    ["8080", "21001"],
    ["--port=8080", "--port=21001"],
    [
      "exec python3 -m http.server 8080 --directory /data",
      "exec python3 -m http.server 21001 --directory /run/7/volumes/data",
    ],
    ["server.listen({port:8080})", "server.listen({port:21001})"],
    ["80 and 8080", "21002 and 21001"],
    ["/etc/stowage/pipeline.json", "/run/7/files/config/pipeline.json"],
    ["/etc/stowage/keys/a.pem", "/run/7/files/keys/a.pem"],
    ["--data=/data", "--data=/run/7/volumes/data"],
    ["/usr/bin:/data:/bin", "/usr/bin:/run/7/volumes/data:/bin"],
    ["file:///data/a", "file:///run/7/volumes/data/a"],
  ])("%s becomes %s", (from, to) => expect(rewriteText(from, PLACES)).toBe(to));

  it.each([
    "db.example:8080",
    "http://10.0.0.5:8080/",
    "18080",
    "8080.5",
    "1.8080",
    "web-8080",
    "8080ms",
    "/database",
    "/srv/data",
    "http://host/data",
    "/etc/stowages",
  ])("%s stays as it is", (text) => expect(rewriteText(text, PLACES)).toBe(text));
});

describe("a mounted file", () => {
  it.each([
    ['{"listen": "0.0.0.0:8080", "maxBytes": 8080}', '{"listen": "0.0.0.0:21001", "maxBytes": 8080}'],
    ['{"port":8080,"retries":80}', '{"port":21001,"retries":80}'],
    ["listen 8080;\nworkers 80;", "listen 21001;\nworkers 80;"],
    ["ports:\n  - 8080\n  - 9090", "ports:\n  - 21001\n  - 9090"],
    ["upstream db.example:8080;", "upstream db.example:8080;"],
    ["path: /data/in", "path: /run/7/volumes/data/in"],
    ["timeout: 80", "timeout: 80"],
  ])("%j becomes %j", (from, to) => expect(rewriteFile(from, PLACES)).toBe(to));
});

describe("rewriting", () => {
  it("never touches what it has put in, whatever the ports are", () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(fc.uniqueArray(port, { minLength: 2, maxLength: 5 }), (numbers) => {
        // Each port becomes the next one, and the last the first: a second pass would be seen.
        const ports = new Map(numbers.map((n, i) => [n, numbers[(i + 1) % numbers.length] ?? n]));
        const text = numbers.join(" ");
        const expected = numbers.map((n) => ports.get(n)).join(" ");
        expect(rewriteText(text, { mounts: new Map(), ports })).toBe(expected);
      }),
    );
  });

  it("leaves every text alone where nothing is mounted and no port is open", () => {
    const none: Places = { mounts: new Map(), ports: new Map() };
    fc.assert(fc.property(fc.string(), (text) => rewriteText(text, none) === text && rewriteFile(text, none) === text));
  });
});

describe("$(NAME)", () => {
  const variables = new Map([["POD_IP", "127.0.0.1"]]);
  it.each([
    ["$(POD_IP):8080", "127.0.0.1:8080"],
    ["$$(POD_IP)", "$(POD_IP)"],
    ["$(MISSING)", "$(MISSING)"],
    ["$POD_IP", "$POD_IP"],
    ["$$$(POD_IP)", "$127.0.0.1"],
    ["$(POD_IP", "$(POD_IP"],
  ])("%s becomes %s", (from, to) => expect(expand(from, variables)).toBe(to));
});
