/** The page at every width of a screen, from small phones to large monitors, and phones on their side. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CAT,
  clickPixel,
  newPage,
  openPage,
  openPhotograph,
  screenshot,
  skip,
  start,
} from "./harness.js";

const WIDTHS = [320, 360, 390, 430, 500, 501, 600, 768, 820, 821, 900, 1000, 1080, 1100, 1101];
const SIZES = [
  ...[...WIDTHS, 1280, 1440, 1799, 1800, 2560].map((width) => [width, 800]),
  ...[
    [480, 320], // phones on their side
    [568, 320],
    [667, 375],
    [844, 390],
    [932, 430],
    [1024, 500],
  ],
];
const SHOWN = new Set(["320x800", "768x800", "900x800", "2560x800", "568x320", "844x390"]);

let site; // {browser, url, close}

before(async () => {
  if (!skip) site = await start();
});

after(async () => {
  await site?.close();
});

/** What is wrong with where things are; every line names two things or one. */
function problemsOfLayout() {
  const problems = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) problems.push(`scrolls sideways by ${scrollWidth - innerWidth}`);
  const boxOf = (selector) => document.querySelector(selector).getBoundingClientRect();
  const rooms = ["header", "#stage-area", "#toolbar", ".panel"];
  const isSticky = getComputedStyle(document.querySelector("#toolbar")).position === "sticky";
  rooms.forEach((a, i) =>
    rooms.slice(i + 1).forEach((b) => {
      const [one, other] = [boxOf(a), boxOf(b)];
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      // Over the panel, which scrolls below it, the toolbar of a phone stays in sight.
      const isMeant = isSticky && a === "#toolbar" && b === ".panel";
      if (across > 1 && down > 1 && !isMeant) problems.push(`${a} lies over ${b}`);
    }),
  );
  const inside = (selector, room) => {
    const outer = boxOf(room);
    for (const element of document.querySelectorAll(selector)) {
      const box = element.getBoundingClientRect();
      if (box.width === 0) continue;
      const isIn = box.left >= outer.left - 1 && box.right <= outer.right + 1;
      if (!isIn) problems.push(`${element.id || element.textContent.trim()} sticks out of ${room}`);
    }
  };
  inside("#toolbar button, #status", "#toolbar");
  inside(".panel button, .panel input, .panel p", ".panel");
  inside("header > *", "header");
  const title = document.querySelector("h1");
  if (title.scrollWidth > title.clientWidth) problems.push("the title is cut");
  const stage = boxOf("#stage-area");
  if (stage.width < 200 || stage.height < 200) {
    problems.push(`the photograph has ${Math.round(stage.width)} × ${Math.round(stage.height)}`);
  }
  const last = [...document.querySelectorAll("#toolbar button")].at(-1).getBoundingClientRect();
  if (last.bottom > innerHeight + 1) problems.push("the tools are out of sight");
  return problems;
}

// German words are longer.
for (const [touch, language] of [
  [false, "en"],
  [true, "de"],
]) {
  const how = `${touch ? "touched" : "with a mouse"}, ${language}`;
  test(`nothing overlaps or sticks out, ${how}`, { skip }, async () => {
    const { page, context } = await newPage(site.browser, { hasTouch: touch, isMobile: touch });
    const wrong = [];
    const look = async (state) => {
      for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });
        await page.evaluate(() => new Promise(requestAnimationFrame));
        const problems = await page.evaluate(problemsOfLayout);
        wrong.push(...problems.map((problem) => `${state}, ${width} × ${height}: ${problem}`));
        const name = `${width}x${height}`;
        if (SHOWN.has(name))
          await screenshot(page, `layout-${name}-${state}${touch ? "-touch" : ""}`);
      }
    };
    await openPage(page, `${site.url}?lang=${language}`);
    assert.equal(await page.getAttribute("html", "lang"), language);
    await look("empty");
    await page.setViewportSize({ width: 1280, height: 800 });
    await openPhotograph(page, CAT);
    await clickPixel(page, 220, 120);
    await page.click("#next-object");
    await clickPixel(page, 430, 60);
    await look("work");
    assert.deepEqual(wrong, []);
    await context.close();
  });
}
