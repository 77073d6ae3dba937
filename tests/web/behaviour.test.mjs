// Interaction with the pages: filtering, sorting, hovering, querying.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browse, collect, demo, listen, send } from "./collector.mjs";

let collector, browser;

before(async () => {
  collector = await collect();
  demo(collector.url);
  browser = await browse();
});

after(async () => {
  await browser?.close();
  await collector?.stop();
});

async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(collector.url + path);
  return page;
}

test("filters are in the address, and the address alone restores them", async () => {
  const page = await open("/tools");
  await Promise.all([page.waitForURL(/since=7d/), page.getByLabel("Time range", { exact: true }).selectOption("7d")]);
  await Promise.all([page.waitForURL(/version=/), page.getByLabel("Release", { exact: true }).selectOption({ index: 1 })]);
  const rows = await page.locator("#tools tbody tr").allTextContents();
  const again = await open(new URL(page.url()).pathname + new URL(page.url()).search);
  assert.deepEqual(await again.locator("#tools tbody tr").allTextContents(), rows);
  const href = await again.getByRole("link", { name: "Models", exact: true }).getAttribute("href");
  assert.match(href, /since=7d/);
  await page.close();
  await again.close();
});

test("choosing a filter keeps the end of the range, and choosing another range drops it", async () => {
  const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
  const page = await open(`/tools?since=${day(5)}&until=${day(1)}`);
  await Promise.all([page.waitForURL(/framework=crewai/), page.getByLabel("Framework", { exact: true }).selectOption("crewai")]);
  assert.match(page.url(), new RegExp(`since=${day(5)}.*until=${day(1)}`));
  await Promise.all([page.waitForURL(/since=7d/), page.getByLabel("Time range", { exact: true }).selectOption("7d")]);
  assert.doesNotMatch(page.url(), /until=/);
  assert.match(page.url(), /framework=crewai/);
  await page.getByText("Custom range").click();
  await page.getByLabel("From").fill(day(3));
  await Promise.all([page.waitForURL(new RegExp(`since=${day(3)}`)), page.getByRole("form", { name: "Custom range" }).getByRole("button").click()]);
  assert.match(page.url(), /framework=crewai/);
  await page.close();
});

test("a table that is wider than its place says so, and on a phone numbers stand beside their bars", async () => {
  const page = await browser.newPage({ viewport: { width: 360, height: 900 } });
  await page.goto(`${collector.url}/tools?min_crews=1`);
  const place = page.locator("#tools .scroll");
  const isWider = await place.evaluate((element) => element.scrollWidth > element.clientWidth + 1);
  assert.equal(await page.locator("#tools [data-scrolls]").isVisible(), isWider);
  assert.equal(await place.evaluate((element) => element.classList.contains("more-right")), isWider);
  const seen = await page.locator("#tools tbody tr").first().evaluate((row) => {
    const frame = row.closest(".scroll").getBoundingClientRect();
    const cell = row.querySelector("td:has(svg)");
    const number = document.createRange();
    number.selectNodeContents(cell.lastChild);
    return number.getBoundingClientRect().right <= frame.right;
  });
  assert.ok(seen, "the number of the first bar is in sight");
  await page.goto(`${collector.url}/deployments`);
  const box = await page.locator("header nav a[aria-current]").boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 360, "the current tab is in sight");
  await page.close();
});

test("the previous period is shown beside a number, equals the report, and can be turned off", async () => {
  const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
  const span = (first, last) => `since=${day(first)}&until=${day(last)}&min_crews=1`;
  const page = await open(`/tools?${span(3, 1)}`);
  const texts = (places) => places.allTextContents().then((all) => all.map((text) => text.trim()));
  const head = await texts(page.locator("#tools thead th"));
  const [now, old, change] = ["crews", "previous", "change"].map((name) => head.findIndex((text) => text.startsWith(name)));
  assert.deepEqual([old, change], [now + 1, now + 2]);
  const report = await collector.ask(`/api/v1/reports/tools?${span(6, 4)}`).then((answer) => answer.json());
  const crews = new Map(report.map((row) => [row.tool, row.crews]));
  const rows = await page.locator("#tools tbody tr").all();
  let compared = 0;
  for (const row of rows) {
    const cells = await texts(row.locator("td, th"));
    if (!crews.has(cells[0])) continue;
    assert.equal(Number(cells[old].replaceAll(",", "")), crews.get(cells[0]), cells[0]);
    compared += 1;
  }
  assert.ok(compared > 3, `${compared} tools in both periods`);
  const alone = await open(`/tools?${span(3, 1)}&compare=none`);
  assert.equal((await texts(alone.locator("#tools thead th"))).length, head.length - 2);
  await page.close();
  await alone.close();
});

test("clicking a column header sorts the table, numbers as numbers", async () => {
  const page = await open("/tools?min_crews=1");
  const head = page.locator("#tools thead th", { hasText: "uses" });
  const read = async () => {
    const texts = await page.locator("#tools tbody tr td:nth-child(3)").allTextContents();
    return texts.map((text) => Number(text.replaceAll(",", "")));
  };
  await head.getByRole("button").click();
  const falling = await read();
  assert.deepEqual(falling, [...falling].sort((a, b) => b - a));
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  await head.getByRole("button").click();
  const rising = await read();
  assert.deepEqual(rising, [...rising].sort((a, b) => a - b));
  await page.close();
});

test("a tooltip shows the values of a day on hover and with the arrow keys", async () => {
  const page = await open("/?since=7d");
  const figure = page.locator("#activity .figure").first();
  await figure.locator(".column").nth(3).hover();
  assert.match(await figure.locator(".tip").textContent(), /runs.*\d/s);
  await figure.locator("svg").first().focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await figure.locator(".tip").isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await figure.locator(".tip").isVisible(), false);
  await page.close();
});

test("the editor runs a query, shows its errors, and offers downloads", async () => {
  const page = await open("/sql");
  await page.getByLabel("Query").fill("SELECT framework, count(*) AS runs FROM crews GROUP BY framework");
  await page.getByLabel("Query").press("Control+Enter");
  await page.waitForSelector("#answer table");
  assert.match(await page.locator("#answer tbody").textContent(), /crewai/);
  for (const [format, start] of [["CSV", "framework,runs\n"], ["Parquet", "PAR1"], ["JSON", "[{"]]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#answer").getByRole("button", { name: format, exact: true }).click()]);
    const stream = await download.createReadStream();
    const pieces = [];
    for await (const piece of stream) pieces.push(piece);
    assert.ok(Buffer.concat(pieces).toString("latin1").startsWith(start), format);
  }
  await page.getByLabel("Query").fill("SELECT nothing FROM nowhere");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForSelector("#answer .failure");
  assert.match(await page.locator("#answer .failure").textContent(), /nowhere/);
  await page.getByLabel("Query").fill("DELETE FROM crews");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.waitForSelector("#answer .failure");
  await page.close();
});

test("a link fills the editor and runs nothing, wherever it is followed from", async () => {
  const page = await open("/sql");
  const link = `${collector.url}/sql?query=${encodeURIComponent("SELECT 42 AS answer")}`;
  const shared = page.getByRole("link", { name: "Link to this query" });
  await page.getByLabel("Query").fill("SELECT 42 AS answer");
  assert.equal(await shared.evaluate((element) => decodeURIComponent(element.href)), decodeURIComponent(link));
  // A page of another site (a data: address has no origin) opens the link, and then sends the form itself.
  const foreign = await browser.newPage();
  await foreign.goto(`data:text/html,<a href="${link}">link</a><form method="post" action="${collector.url}/sql"><input name="query" value="SELECT 42 AS answer"><button>send</button></form>`);
  await foreign.getByRole("button", { name: "send" }).click();
  await foreign.waitForURL(`${collector.url}/sql`);
  assert.match(await foreign.locator("h1").textContent(), /cross-site/);
  await foreign.goBack();
  await foreign.getByRole("link", { name: "link" }).click();
  await foreign.waitForURL(link);
  assert.equal(await foreign.getByLabel("Query").inputValue(), "SELECT 42 AS answer");
  assert.equal(await foreign.locator("#answer").count(), 0);
  assert.match(await foreign.locator("main").textContent(), /has not been run/);
  await foreign.getByRole("button", { name: "Run", exact: true }).click();
  assert.match(await foreign.locator("#answer tbody").textContent(), /42/);
  await foreign.close();
  await page.close();
});

// Reports on records that `headcount demo` does not make.
const NOT_IN_THE_DEMO = new Set([
  "losses", "installations", "installation-retention", "installation-lag", "model-calls", "agent-runs", "tool-errors", "instrumentations",
]);

test("the SQL of every report runs in the editor", async () => {
  const reports = await (await collector.ask("/api/v1/reports")).json();
  assert.ok(reports.length >= 20);
  const page = await open("/sql");
  for (const { name } of reports) {
    await page.goto(`${collector.url}/sql?report=${name}&since=2020-01-01`);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.waitForSelector("#answer");
    assert.equal(await page.locator(".failure").count(), 0, `${name}: ${await page.locator(".failure").allTextContents()}`);
    if (!NOT_IN_THE_DEMO.has(name)) assert.ok((await page.locator("#answer tbody tr").count()) > 0, name);
  }
  await page.close();
});

test("markup in a model's name is escaped", async () => {
  const hostile = `<img src=x onerror="globalThis.wasRun=1">`;
  const spans = [...Array(6).keys()].map((index) => ({
    name: "Tool Usage",
    attributes: { crewai_version: "1.5.0", tool_name: "search", attempts: index, llm: `${hostile}</td></title><script>globalThis.wasRun=1</script>` },
  }));
  await send(collector.url, spans);
  const page = await browser.newPage();
  const complaints = listen(page, collector.url);
  await page.goto(`${collector.url}/models?min_crews=1&since=all`);
  assert.ok((await page.locator("#models tbody").textContent()).includes(hostile));
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.wasRun), undefined);
  assert.deepEqual(complaints, []);
  await page.close();
});

test("an invalid filter is explained on a page", async () => {
  for (const query of ["since=yesterday", "sort=up", "by=hour", "min_crews=few", "compare=xx", "since=2026-02-01&until=2026-01-01", `version=${"x".repeat(500)}`]) {
    const page = await browser.newPage();
    const answer = await page.goto(`${collector.url}/tools?${query}`);
    assert.equal(answer.status(), 400, query);
    assert.match(await page.locator("h1").textContent(), /filter/);
    await page.close();
  }
});

test("a range without data is explained", async () => {
  const page = await open("/tools?since=2001-01-01&until=2001-01-31");
  assert.match(await page.locator("#tools .empty").textContent(), /longer/);
  await page.close();
});

test("the chosen theme persists", async () => {
  const context = await browser.newContext({ colorScheme: "light" });
  const page = await context.newPage();
  await page.goto(collector.url);
  const colour = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await colour();
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("button", { name: /Theme/ }).click();
  assert.notEqual(await colour(), light);
  await page.goto(`${collector.url}/policy`);
  assert.notEqual(await colour(), light);
  await context.close();
});

test("an empty collector explains how to send data and becomes the dashboard", async () => {
  const empty = await collect();
  const page = await browser.newPage();
  await page.goto(empty.url);
  assert.match(await page.locator("h1").textContent(), /Waiting/);
  assert.match(await page.locator("main").textContent(), new RegExp(`headcount demo --url ${empty.url}`));
  demo(empty.url);
  await page.waitForSelector(".tiles", { timeout: 15_000 });
  assert.match(await page.locator("h1").textContent(), /Overview/);
  await page.close();
  await empty.stop();
});
