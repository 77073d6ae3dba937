// First byte, transfer and largest paint of every page over a data folder that `bench/run --keep --folder DIR ingest` made.
//
//     tests/web/run --install  # once: installs the browser and its driver
//     node bench/pages.mjs DIR
//
// One JSON object a page. `first_ms` is the first byte of the first request after the start (nothing is kept yet), `warm_ms`
// the median of seven later ones and `worst_ms` the slowest of them; `while_ingesting_ms` the median while spans come in.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { PAGES, browse } from "../tests/web/collector.mjs";

const BINARY = process.env.HEADCOUNT_BINARY ?? "target/release/headcount";
process.env.HEADCOUNT_CHROMIUM ??= "/usr/bin/chromium";
const child = spawn(BINARY, ["serve", "--data", join(process.argv[2], "data"), "--http", "127.0.0.1:0", "--grpc", "none"]);
const banner = await new Promise((resolve) => {
  let text = "";
  child.stdout.on("data", (piece) => { text += piece; if (text.includes("Ctrl-C ends it")) resolve(text); });
});
const token = readFileSync(join(process.argv[2], "data", "token"), "utf8").trim();
const authorization = `Bearer ${token}`;
const url = banner.match(/dashboard\s+(http:\/\/\S+?)\/\s/)[1];

/** Milliseconds to the first byte of the answer, and its bytes as they travel. */
async function ask(path) {
  const { request } = await import("node:http");
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const asking = request(url + path, { headers: { authorization, "accept-encoding": "gzip" } }, (answer) => {
      const first = performance.now() - began;
      let bytes = 0;
      answer.on("data", (piece) => { bytes += piece.length; });
      answer.on("end", () => resolve({ status: answer.statusCode, first, bytes }));
    });
    asking.on("error", reject);
    asking.end();
  });
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const round = (number) => Math.round(number * 10) / 10;
const query = process.env.HEADCOUNT_QUERY ?? "since=all";
const paths = PAGES.map((path) => (path === "/sql" ? "/sql" : `${path}?${query}`));
const browser = await browse();

async function paint(path) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, extraHTTPHeaders: { authorization } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  let transferred = 0;
  session.on("Network.loadingFinished", (event) => { transferred += event.encodedDataLength; });
  await page.goto(url + path, { waitUntil: "networkidle" });
  const largest = await page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime)).observe({ type: "largest-contentful-paint", buffered: true });
    setTimeout(() => resolve(null), 3000);
  }));
  await context.close();
  return { transferred, largest };
}

const results = new Map();
for (const path of paths) {
  const { status, first, bytes } = await ask(path);
  const warm = [];
  for (let run = 0; run < 7; run += 1) warm.push((await ask(path)).first);
  const { transferred, largest } = await paint(path);
  results.set(path, {
    page: path, status, first_ms: round(first), warm_ms: round(median(warm)), worst_ms: round(Math.max(...warm)),
    page_bytes: bytes, transferred_bytes: transferred, largest_paint_ms: round(largest ?? NaN),
  });
}

// The same while crews go on sending: what was acknowledged since makes every kept answer old.
const sender = spawn(BINARY, ["demo", "--url", url, "--crews", "4000"], { stdio: "ignore" });
await new Promise((resolve) => setTimeout(resolve, 1500));
for (const path of paths) {
  const busy = [];
  for (let run = 0; run < 5; run += 1) busy.push((await ask(path)).first);
  results.get(path).while_ingesting_ms = round(median(busy));
}
sender.kill();
for (const result of results.values()) console.log(JSON.stringify(result));
await browser.close();
child.kill("SIGTERM");
