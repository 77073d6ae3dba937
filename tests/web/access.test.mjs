// Access: with the token, without one, and in public mode.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { request as send } from "node:http";
import { join } from "node:path";
import { PAGES, browse, collect, demo } from "./collector.mjs";

let browser;

before(async () => { browser = await browse({ signedIn: false }); });
after(async () => { await browser?.close(); });

/** The whole numbers that count nobody, such as a week: `report.column`, by the reports' own headers. */
const NO_COUNTS = new Set();
const REPORTS = new URL("../../reports/", import.meta.url);
for (const file of readdirSync(REPORTS).filter((name) => name.endsWith(".sql"))) {
  const [, columns] = readFileSync(new URL(file, REPORTS), "utf8").match(/^-- not a count: (.*)$/m) ?? [];
  for (const column of columns?.split(", ") ?? []) NO_COUNTS.add(`${file.replace(".sql", "")}.${column}`);
}

const request = (url, path, headers = {}) => fetch(url + path, { headers, redirect: "manual" });

test("a token is generated, printed once, and required for everything except telemetry and health checks", async () => {
  const collector = await collect();
  const file = join(collector.folder, "data", "token");
  const token = readFileSync(file, "utf8").trim();
  assert.ok(collector.banner.includes(token));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  demo(collector.url);
  for (const path of [...PAGES, "/api/v1/reports", "/api/v1/reports/tools", "/api/v1/tables", "/api/openapi.json", "/metrics"]) {
    assert.equal((await request(collector.url, path)).status, 401, path);
    assert.equal((await request(collector.url, path, { authorization: `Bearer ${token}` })).status, 200, path);
    assert.equal((await request(collector.url, path, { authorization: "Bearer 0123456789abcdef" })).status, 401, path);
  }
  for (const path of ["/healthz", "/readyz", "/privacy"]) assert.equal((await request(collector.url, path)).status, 200, path);

  const page = await browser.newPage();
  await page.goto(`${collector.url}/tools?since=all`);
  await page.getByLabel("Token").fill("not the token, surely");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert.match(await page.locator(".failure").textContent(), /Wrong token/);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/tools\?since=all/);
  assert.ok((await page.locator("#tools tbody tr").count()) > 0);
  const cookies = await page.context().cookies();
  assert.ok(cookies.every((cookie) => cookie.httpOnly && !cookie.value.includes(token)));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForSelector("#token");
  assert.equal((await page.goto(`${collector.url}/shared`)).status(), 401);
  await page.close();
  await collector.stop();
});

test("in public mode everybody sees the anonymous tier with small groups folded, and nothing else", async () => {
  const collector = await collect(["--public"]);
  demo(collector.url);
  for (const path of ["/shared", "/sql", "/api/v1/tables", "/metrics", "/shared/d52ffb9b-fe89-4dfb-9a1d-52c941f6947c"]) {
    assert.equal((await request(collector.url, path)).status, 403, path);
  }
  assert.equal((await fetch(`${collector.url}/api/v1/sql`, { method: "POST", body: "SELECT 1" })).status, 403);
  for (const query of ["min_crews=1", "framework=crewai", "version=1.15.30", "environment=cpu_band:1-2", "since=36h"]) {
    assert.equal((await request(collector.url, `/api/v1/reports/tools?${query}`)).status, 400, query);
  }
  assert.equal((await request(collector.url, "/api/v1/reports/shared")).status, 404);
  const answer = await request(collector.url, "/api/v1/reports/tools");
  assert.match(answer.headers.get("cache-control"), /public, max-age/);
  assert.match(answer.headers.get("vary"), /cookie/i);
  const rows = await answer.json();
  for (const row of rows.filter((row) => row.tool && !row.tool.startsWith("("))) assert.ok(row.crews >= 5, JSON.stringify(row));
  const reports = await (await request(collector.url, "/api/v1/reports")).json();
  for (const { name } of reports) {
    for (const by of ["", "?by=day", "?by=week"]) {
      const answer = await request(collector.url, `/api/v1/reports/${name}${by}`);
      const rows = await answer.json();
      if (by && answer.status === 400) {
        // It has days or weeks of its own.
        assert.match(rows.detail, /counts its days and weeks back/, name);
        continue;
      }
      for (const row of rows) for (const [column, value] of Object.entries(row)) {
        if (Number.isInteger(value) && column !== "value" && !NO_COUNTS.has(`${name}.${column}`) && !/_avg|_p\d\d|attempts|share|per_run/.test(column)) assert.ok(value === 0 || value >= 5, `${name}${by}: ${column} ${JSON.stringify(row)}`);
      }
    }
  }
  const page = await browser.newPage();
  for (const path of PAGES.filter((path) => !["/shared", "/sql"].includes(path))) {
    const shown = await page.goto(collector.url + path);
    assert.equal(shown.status(), 200, path);
    assert.equal(await page.getByRole("link", { name: "SQL", exact: true }).count(), 0, path);
  }
  await page.close();
  await collector.stop();
});

/** The status of a request with these headers, which `fetch` would not send. */
function statusOf(url, headers, method = "GET") {
  return new Promise((resolve, reject) => {
    const asking = send(url, { headers, method }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asking.on("error", reject);
    asking.end();
  });
}

test("cross-site requests are rejected, and behind a proxy the token is required", async () => {
  const collector = await collect();
  const authorization = `Bearer ${collector.token}`;
  const tables = `${collector.url}/api/v1/tables`;
  assert.equal(await statusOf(tables, { authorization }), 200);
  assert.equal(await statusOf(tables, { authorization, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }), 403);
  // As nginx sends it with nothing but `proxy_pass http://127.0.0.1:PORT`, and with each of the usual headers.
  const { host } = new URL(collector.url);
  for (const headers of [{ host, connection: "close" }, { host: "telemetry.example.com" }, { host, "x-forwarded-for": "192.0.2.1" }]) {
    for (const path of [...PAGES, "/api/v1/tables", "/api/openapi.json", "/metrics"]) {
      assert.equal(await statusOf(collector.url + path, headers), 401, `${path} ${JSON.stringify(headers)}`);
    }
  }
  await collector.stop();
});

test("without a token only requests to this machine's names are answered", async () => {
  const collector = await collect(["--no-token"]);
  const tables = `${collector.url}/api/v1/tables`;
  assert.equal(await statusOf(tables, {}), 200);
  for (const headers of [{ host: "rebound.example.org" }, { "x-forwarded-for": "192.0.2.1" }]) {
    assert.equal(await statusOf(tables, headers), 403, JSON.stringify(headers));
  }
  await collector.stop();
});

test("the link of the first start signs a browser in, and the token stays nowhere", async () => {
  const collector = await collect();
  assert.ok(collector.banner.includes(collector.link));
  demo(collector.url);
  const page = await browser.newPage();
  const addresses = [];
  page.on("request", (asking) => addresses.push([asking.url(), asking.headers().referer ?? ""]));
  await page.goto(`${collector.link}&next=/tools`);
  assert.equal(page.url(), `${collector.url}/tools`);
  assert.ok((await page.locator("#tools tbody tr").count()) > 0);
  assert.equal(await page.evaluate(() => document.referrer + history.length), "2");
  for (const [address, referrer] of addresses.slice(1)) {
    assert.ok(!address.includes(collector.token) && !referrer.includes(collector.token), address);
  }
  const printed = execFileSync(process.env.HEADCOUNT_BINARY, ["open", "--print", "--data", join(collector.folder, "data")], { encoding: "utf8" });
  assert.equal(printed.trim(), collector.link);
  await page.close();
  await collector.stop();
});
