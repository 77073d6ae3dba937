// Every page at three widths, light and dark: complete, without console errors, accessible. Screenshots are kept as artefacts.
// In short (tests/web/run --short): the narrowest in the light scheme, the widest in the dark one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PAGES, browse, collect, demo, listen } from "./collector.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const VIEWS = process.env.HEADCOUNT_WEB_SHORT
  ? [[360, "light"], [1440, "dark"]]
  : [360, 820, 1440].flatMap((width) => [[width, "light"], [width, "dark"]]);
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let collector, browser, crew;

before(async () => {
  collector = await collect();
  demo(collector.url);
  const answer = await collector.ask("/api/v1/sql", {
    method: "POST",
    body: "SELECT a.crew_id FROM shared_agents a JOIN shared_io i ON i.crew_id = a.crew_id GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
  });
  crew = (await answer.json())[0].crew_id;
  browser = await browse();
});

after(async () => {
  await browser?.close();
  await collector?.stop();
});

const name = (path) => (path === "/" ? "overview" : path.replace(/^\//, "").replace(/\/.*/, "-crew"));

for (const [width, scheme] of VIEWS) {
  test(`every page is complete and accessible at ${width} px, ${scheme}`, async () => {
    // The Content-Security-Policy also keeps the test's own script out; axe needs to run inside the page.
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: true });
    for (const path of [...PAGES, "/privacy", `/shared/${crew}`, "/sql?report=tools", "/nowhere"]) {
      const page = await context.newPage();
      const complaints = listen(page, collector.url);
      const answer = await page.goto(collector.url + path, { waitUntil: "networkidle" });
      const expected = path === "/nowhere" ? 404 : 200;
      assert.equal(answer.status(), expected, path);
      if (expected === 200) assert.deepEqual(complaints, [], path);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `${path} is ${overflow} px wider than ${width}`);
      assert.equal(await page.locator("h1").count(), 1, path);
      assert.equal(await page.locator(".failure").count(), 0, `${path}: ${await page.locator(".failure").allTextContents()}`);
      await page.addScriptTag({ path: AXE });
      const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
      const grave = found.violations.filter(({ id, impact }) => ["serious", "critical"].includes(impact) || id === "landmark-unique");
      const words = grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.any?.[0]?.message ?? ""}`).join(" | ")}`);
      assert.deepEqual(words, [], path);
      const file = `${name(path.split("?")[0])}${path.includes("?") ? "-answer" : ""}-${width}-${scheme}.png`;
      await page.screenshot({ path: join(process.env.HEADCOUNT_ARTIFACTS, file), fullPage: true });
      await page.close();
    }
    await context.close();
  });
}

test("the words of a chart can be read at every width, and begin inside it", async () => {
  for (const width of [360, 600, 820, 1000, 1440]) {
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    const page = await context.newPage();
    for (const path of ["/tools", "/models", "/versions", `/shared/${crew}`]) {
      await page.goto(collector.url + path);
      const found = await page.evaluate(() => [...document.querySelectorAll("svg.chart")].filter((svg) => svg.clientWidth > 0).flatMap((svg) => {
        const scale = svg.clientWidth / svg.viewBox.baseVal.width;
        return [...svg.querySelectorAll("text")].map((text) => ({
          text: text.textContent, size: Number.parseFloat(getComputedStyle(text).fontSize) * scale, left: text.getBBox().x,
        }));
      }));
      assert.ok(found.length > 0, `${path} at ${width}`);
      assert.deepEqual(found.filter(({ size, left }) => size < 8 || left < 0), [], `${path} at ${width}`);
    }
    await context.close();
  }
});

test("the list of shared crews can be downloaded", async () => {
  const page = await browser.newPage();
  await page.goto(`${collector.url}/shared?since=all`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#crews").getByRole("button", { name: /CSV/ }).click()]);
  const pieces = [];
  for await (const piece of await download.createReadStream()) pieces.push(piece);
  assert.match(Buffer.concat(pieces).toString(), /^crew,framework,version,/);
  await page.close();
});

test("the Content-Security-Policy allows only our own style and script", async () => {
  const page = await browser.newPage();
  const complaints = listen(page, collector.url);
  const answer = await page.goto(collector.url);
  assert.match(answer.headers()["content-security-policy"], /default-src 'none'/);
  assert.deepEqual(complaints, []);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.wasRun = true";
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => globalThis.wasRun), undefined);
  await page.close();
});

test("each page is complete without JavaScript", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1200, height: 900 } });
  const page = await context.newPage();
  for (const path of [...PAGES, "/privacy"].filter((path) => path !== "/sql")) {
    await page.goto(collector.url + path);
    if (path === "/decide") {
      // The list of questions; each leads to a page with tables.
      assert.equal(await page.locator("main ol a[href*='/decide/']").count(), 12);
      continue;
    }
    const tables = await page.locator("table").count();
    const rows = await page.locator("table tbody tr").count();
    assert.ok(tables > 0 && rows > 0, `${path}: ${tables} tables, ${rows} rows`);
  }
  await page.goto(`${collector.url}/sql`);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  assert.ok((await page.locator("#answer tbody tr").count()) >= 2);
  await context.close();
});

test("each page transfers at most 200 KB", async () => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  for (const path of [...PAGES, "/privacy"]) {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.setCacheDisabled", { cacheDisabled: true });
    let bytes = 0;
    session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    await page.goto(collector.url + path, { waitUntil: "networkidle" });
    assert.ok(bytes <= 200 * 1024, `${path} transfers ${bytes} bytes`);
    await page.close();
  }
  await context.close();
});

test("print hides the navigation and the filters and shows whole tables", async () => {
  const page = await browser.newPage();
  await page.goto(`${collector.url}/tools`);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("header nav").isVisible(), false);
  assert.equal(await page.locator("form.filters").first().isVisible(), false);
  assert.equal(await page.locator("#tools table").isVisible(), true);
  await page.close();
});
