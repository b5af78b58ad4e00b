/**
 * How the log page fares with a long log: `node bench/log.mjs URL [LINES]`, where URL is the page of a task whose log has a
 * million lines. Needs Debian's chromium. Prints milliseconds as JSON; ui goals 4 says what they should be.
 */
import { chromium } from "playwright-core";

const [, , url, lines = "1000000"] = process.argv;
const middle = Math.floor(Number(lines) / 2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--js-flags=--expose-gc"] });
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const text = (part) => page.waitForFunction((wanted) => [...document.querySelectorAll(".l .n")].some((each) => each.textContent === wanted), part, { polling: "raf", timeout: 60_000 });
const number = (value) => new Intl.NumberFormat("en").format(value);
const timed = async (what) => {
  const began = performance.now();
  await what();
  return Math.round(performance.now() - began);
};
const figures = {};

// The page's own parts are in the cache of the browser afterwards: what is measured is the log.
await page.goto(url.replace(/\?.*|$/, "/details"));
await page.waitForSelector(".taskpage");
figures.end_shown = await timed(async () => {
  await page.click(".tabs a >> nth=0");
  await page.waitForFunction(() => document.querySelectorAll(".l .x").length > 20, null, { polling: "raf" });
});
figures.counted_after = await timed(() => page.waitForFunction(() => document.querySelectorAll(".l .n[href]").length > 20, null, { polling: "raf", timeout: 60_000 }));
figures.end_again = await timed(async () => {
  await page.click(".tabs a >> nth=1");
  await page.waitForSelector(".taskpage");
  await page.click(".tabs a >> nth=0");
  await page.waitForFunction(() => document.querySelectorAll(".l .n[href]").length > 20, null, { polling: "raf" });
});
figures.jump_to_middle = await timed(async () => {
  await page.fill(".status input", String(middle));
  await page.press(".status input", "Enter");
  await text(number(middle));
  await page.waitForFunction((wanted) => [...document.querySelectorAll(".l.on .x")].some((each) => each.textContent), middle, { polling: "raf" });
});
const search = async (needle) => {
  const began = performance.now();
  await page.fill(".lt input", needle);
  await page.waitForFunction(() => /\d/.test(document.querySelector(".lt .input [role=status]")?.textContent ?? "") && !/^0/.test(document.querySelector(".lt .input [role=status]")?.textContent ?? ""), null, { polling: "raf", timeout: 60_000 });
  const first = Math.round(performance.now() - began);
  await page.waitForFunction(() => !/…/.test(document.querySelector(".lt .input [role=status]")?.textContent ?? "…"), null, { polling: "raf", timeout: 60_000 });
  return { first, all: Math.round(performance.now() - began), hits: await page.textContent(".lt .input [role=status]") };
};
figures.search_rare = await search("circuit breaker");
figures.scroll = await page.evaluate(async () => {
  const log = document.querySelector(".log");
  const gaps = [];
  let last = performance.now();
  const until = last + 5000;
  while (last < until) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    log.scrollTop -= 180;
  }
  gaps.sort((a, b) => a - b);
  return { fps: Math.round(gaps.length / 5), over_32_ms: `${Math.round((100 * gaps.filter((gap) => gap > 32).length) / gaps.length)} %`, p95_ms: Math.round(gaps[Math.floor(gaps.length * 0.95)]) };
});
figures.rows_in_page = await page.evaluate(() => document.querySelectorAll(".l").length);
figures.heap_mb = Math.round((await page.evaluate(() => { globalThis.gc?.(); return performance.memory.usedJSHeapSize; })) / 1e6);
console.log(JSON.stringify(figures, null, 2));
await browser.close();
