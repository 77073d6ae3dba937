// People sign in at the dashboard with a real OpenID provider, and strangers do not. As a browser: cookies by origin, redirects one by one.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SECRET, key, startProvider } from "./provider.mjs";

const BINARY = process.env.HEADCOUNT_BINARY;
const RULES = ["groups=owners:admin", "groups=readers:viewer", "email=@example.com:viewer"];

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/// A collector on `port`, which asks the provider at `issuer`.
async function collect(port, issuer) {
  const folder = mkdtempSync(join(tmpdir(), "headcount-oidc-"));
  const secret = join(folder, "secret");
  writeFileSync(secret, `${SECRET}\n`);
  const options = ["serve", "--data", join(folder, "data"), "--http", `127.0.0.1:${port}`, "--grpc", "none",
    "--oidc-issuer", issuer, "--oidc-client-id", "headcount", "--oidc-client-secret-file", secret, ...RULES.flatMap((rule) => ["--oidc-role", rule])];
  const child = spawn(BINARY, options, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (text) => String(text).includes("Ctrl-C") && resolve());
    child.on("exit", (code) => reject(new Error(`the collector ended with ${code}`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    token: () => readFileSync(join(folder, "data", "token"), "utf8").trim(),
    auditLog: () => {
      const day = new Date().toISOString().slice(0, 10);
      return readFileSync(join(folder, "data", "audit", `${day}.jsonl`), "utf8").trim().split("\n").map(JSON.parse);
    },
    stop: () => new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.on("exit", () => { rmSync(folder, { recursive: true, force: true }); resolve(); });
      child.kill("SIGTERM");
    }),
  };
}

/// A browser's cookies and redirects.
class Browser {
  jars = new Map();

  async visit(address, options = {}) {
    const url = new URL(address);
    const jar = this.jars.get(url.origin) ?? new Map();
    this.jars.set(url.origin, jar);
    const cookie = [...jar].filter(([, { path }]) => url.pathname.startsWith(path)).map(([name, { value }]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { ...options, headers: { ...options.headers, cookie }, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [pair, ...rest] = line.split("; ");
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const attributes = new Map(rest.map((each) => each.split("=").map((part) => part.toLowerCase())));
      // RFC 6265 §6.1: a browser keeps no longer one, and says nothing.
      if (pair.length > 4096) continue;
      const gone = attributes.get("max-age") === "0" || new Date(attributes.get("expires") ?? 8e15) < new Date();
      if (gone) jar.delete(name);
      else jar.set(name, { value, path: rest.find((each) => /^path=/i.test(each))?.slice(5) ?? "/" });
    }
    return answer;
  }

  /// Goes on until the address is one at which `isEnd`, which is not visited.
  async follow(address, isEnd) {
    for (let steps = 0; steps < 20; steps += 1) {
      if (isEnd(address)) return address;
      const answer = await this.visit(address);
      const location = answer.headers.get("location");
      if (location) { address = new URL(location, address).href; continue; }
      const text = await answer.text();
      assert.match(address, /\/interaction\//, `${address}: ${answer.status} ${text.slice(0, 300)}`);
      const form = /name="login"/.test(text) ? { prompt: "login", login: this.person, password: "x" } : { prompt: "consent" };
      const sent = await this.visit(address, { method: "POST", body: new URLSearchParams(form) });
      address = new URL(sent.headers.get("location"), address).href;
    }
    throw new Error("too many redirects");
  }

  /// From the sign-in link to the address with the provider's answer, which is not visited.
  answer(collector, person, next = "/") {
    this.person = person;
    const isAnswer = (address) => address.startsWith(`${collector.url}/login/oidc/callback`);
    return this.follow(`${collector.url}/login/oidc?next=${encodeURIComponent(next)}`, isAnswer);
  }

  async signIn(collector, person, next) {
    return this.visit(await this.answer(collector, person, next));
  }
}

let provider, collector, redirect, port;

before(async () => {
  port = await freePort();
  redirect = `http://127.0.0.1:${port}/login/oidc/callback`;
  provider = await startProvider({ redirect });
  collector = await collect(port, provider.issuer);
});

after(async () => {
  await collector?.stop();
  await provider?.stop();
});

const statuses = async (browser, paths) => Promise.all(paths.map(async (path) => (await browser.visit(collector.url + path)).status));

test("the sign-in page leads to the provider, and people get the roles of their groups", async () => {
  const page = await (await fetch(`${collector.url}/tools?since=7d`)).text();
  assert.match(page, /Sign in with 127\.0\.0\.1/);
  assert.match(page, /href="\/login\/oidc\?next=%2Ftools%3Fsince%3D7d"/);
  const paths = ["/tools", "/shared", "/api/v1/audit-log"];
  for (const [person, expected] of [["anna", [200, 200, 200]], ["bert", [200, 403, 403]]]) {
    const browser = new Browser();
    const answer = await browser.signIn(collector, person, "/tools?since=7d");
    assert.equal(answer.status, 303, await answer.text());
    assert.equal(answer.headers.get("location"), "/tools?since=7d");
    const cookie = answer.headers.getSetCookie().find((line) => line.includes("sso."));
    assert.match(cookie, /HttpOnly; SameSite=Lax/);
    assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.deepEqual(await statuses(browser, paths), expected, person);
  }
  const lines = collector.auditLog();
  assert.ok(lines.some(({ action, who, token_id, role }) => action === "signed_on" && who === "anna@example.com" && token_id === "oidc:anna" && role === "admin"));
  assert.ok(lines.some(({ action, who }) => action === "read_shared" && who === "anna@example.com"));
});

test("who has no role is told so, and an address that nobody verified gives none", async () => {
  for (const person of ["carl", "dora"]) {
    const browser = new Browser();
    const answer = await browser.signIn(collector, person);
    assert.equal(answer.status, 403, person);
    const text = await answer.text();
    assert.match(text, /has no role on this collector/);
    assert.match(text, /email, groups/);
    assert.deepEqual(await statuses(browser, ["/tools"]), [401], person);
  }
});

test("signing out ends the session at the collector, not only in the browser", async () => {
  const browser = new Browser();
  await browser.signIn(collector, "bert");
  const stolen = structuredClone([...browser.jars]);
  assert.deepEqual(await statuses(browser, ["/tools"]), [200]);
  const out = await browser.visit(`${collector.url}/logout`, { method: "POST", headers: { origin: collector.url } });
  assert.equal(out.status, 303);
  const thief = new Browser();
  thief.jars = new Map(stolen);
  assert.deepEqual(await statuses(thief, ["/tools"]), [401]);
});

test("an answer counts once, in the browser that asked, with its own state", async () => {
  const browser = new Browser();
  const answer = await browser.answer(collector, "bert");
  const victim = new Browser();
  const csrf = await victim.visit(answer);
  assert.equal(csrf.status, 400);
  assert.match(await csrf.text(), /did not begin in this browser/);
  await victim.visit(`${collector.url}/login/oidc`);
  assert.equal((await victim.visit(answer)).status, 400, "login CSRF with an attempt of one's own");
  const saved = structuredClone([...browser.jars]);
  assert.equal((await browser.visit(answer)).status, 303);
  const again = new Browser();
  again.jars = new Map(saved);
  assert.equal((await again.visit(answer)).status, 400, "replayed with its cookie");
  const other = new Browser();
  const changed = new URL(await other.answer(collector, "bert"));
  changed.searchParams.set("code", "made-up");
  assert.equal((await other.visit(changed.href)).status, 401, "a code that the provider did not give");
});

test("an answer that somebody else's page makes up does not end a sign-in under way", async () => {
  const browser = new Browser();
  const answer = await browser.answer(collector, "bert");
  const madeUp = await browser.visit(`${collector.url}/login/oidc/callback?state=made-up&code=made-up`);
  assert.equal(madeUp.status, 400);
  assert.deepEqual(madeUp.headers.getSetCookie(), []);
  assert.equal((await browser.visit(answer)).status, 303);
});

test("an address that is too long for a cookie leads to the start, and the sign-in works", async () => {
  for (const [length, expected] of [[1000, true], [5000, false]]) {
    const next = `/sql?query=${"a".repeat(length)}`;
    const answer = await new Browser().signIn(collector, "anna", next);
    assert.equal(answer.status, 303, `${length}`);
    assert.equal(answer.headers.get("location"), expected ? next : "/");
  }
});

test("nobody is sent to another site", async () => {
  for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
    const answer = await new Browser().signIn(collector, "bert", next);
    assert.equal(answer.headers.get("location"), "/", next);
  }
});

test("new keys, claims in userinfo alone and another algorithm work without a restart; a provider that is down leaves tokens", async () => {
  await provider.stop();
  const at = { port: provider.port, redirect };
  provider = await startProvider({ ...at, keys: [key("ec", "new"), key("rsa", "other")], algorithm: "ES256", groupsInToken: false });
  const answer = await new Browser().signIn(collector, "anna");
  assert.equal(answer.status, 303, await answer.text());
  await provider.stop();
  await collector.stop();
  collector = await collect(port, provider.issuer);
  const down = await fetch(`${collector.url}/login/oidc`, { redirect: "manual" });
  assert.equal(down.status, 503);
  assert.match(await down.text(), /identity provider cannot be used[\s\S]*A token still works/);
  const body = new URLSearchParams({ token: collector.token(), next: "/tools" });
  const signedIn = await fetch(`${collector.url}/login`, { method: "POST", body, headers: { origin: collector.url }, redirect: "manual" });
  assert.equal(signedIn.status, 303);
  provider = await startProvider(at);
  assert.equal((await new Browser().signIn(collector, "bert")).status, 303);
});
