// Starts the built binary on free ports, and a browser.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const BINARY = process.env.HEADCOUNT_BINARY;

/** The collectors that nobody has stopped. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The session cookies of the collectors that were started. */
const cookies = [];

/**
 * Starts a collector; `arguments_` are those of `headcount serve`. `ask` is `fetch` of a path as an owner; `link` signs a browser in.
 */
export async function collect(arguments_ = []) {
  const folder = mkdtempSync(join(tmpdir(), "headcount-web-"));
  const child = spawn(BINARY, ["serve", "--data", join(folder, "data"), "--http", "127.0.0.1:0", "--grpc", "none", ...arguments_]);
  const banner = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (piece) => {
      text += piece;
      if (text.includes("Ctrl-C")) resolve(text);
    });
    child.on("exit", (code) => reject(new Error(`headcount serve ended with ${code}: ${text}`)));
  });
  const url = banner.match(/dashboard\s+(http:\/\/\S+?)\/\s/)[1];
  child.removeAllListeners("exit");
  // A test that fails stops nothing, and the others must not wait for its collector.
  for (const held of [child, child.stdin, child.stdout, child.stderr]) held.unref();
  running.add(child);
  const stop = async () => {
    running.delete(child);
    child.ref();
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const file = join(folder, "data", "token");
  const token = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  const ask = (path, init = {}) => fetch(url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
  const link = `${url}/login?token=${token}`;
  if (token) {
    const [name, value] = (await fetch(link, { redirect: "manual" })).headers.get("set-cookie").split(";")[0].split("=");
    cookies.push({ name, value, domain: new URL(url).hostname, path: "/", expires: -1, httpOnly: true, secure: false, sameSite: "Lax" });
  }
  return { url, folder, banner, stop, token, ask, link };
}

/** Sends the bundled sample week. */
export function demo(url) {
  execFileSync(BINARY, ["demo", "--url", url], { stdio: "pipe" });
}

/** Sends spans in OTLP/JSON as CrewAI would. */
export async function send(url, spans) {
  const now = BigInt(Date.now()) * 1_000_000n;
  const attribute = (value) => ({ stringValue: String(value) });
  const span = ({ name, attributes }, index) => ({
    traceId: Buffer.from(`trace${index}`.padEnd(16, ".")).toString("hex"),
    spanId: Buffer.from(`s${index}${Math.random()}`.slice(0, 8).padEnd(8, ".")).toString("hex"),
    name,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 1000n),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: attribute(value) })),
  });
  const body = {
    resourceSpans: [{
      resource: { attributes: [{ key: "service.name", value: attribute("crewAI-telemetry") }] },
      scopeSpans: [{ scope: { name: "crewai.telemetry" }, spans: spans.map(span) }],
    }],
  };
  const answer = await fetch(`${url}/v1/traces`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the collector answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** Debian's Chromium. Its pages are signed in to the collectors that were started before, unless `signedIn` is false. */
export async function browse({ signedIn = true } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.HEADCOUNT_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  if (!signedIn) return browser;
  const newContext = browser.newContext.bind(browser);
  browser.newContext = (options = {}) => newContext({ storageState: { cookies, origins: [] }, ...options });
  browser.newPage = async (options) => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    // At the end of the browser the context is gone already.
    page.once("close", () => context.close().catch(() => {}));
    return page;
  };
  return browser;
}

/** Every page of the navigation. */
export const PAGES = ["/", "/decide", "/decide/removal", "/decide/release-health", "/decide/adoption", "/decide/crosstab", "/tools", "/models", "/features", "/agents", "/flows", "/environments", "/versions", "/tasks", "/tests", "/deployments", "/shared", "/policy", "/sql"];

/** Collects the problems of a page: script errors, blocked resources, requests to other hosts. */
export function listen(page, url) {
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) complaints.push(`request to ${request.url()}`);
  });
  return complaints;
}
