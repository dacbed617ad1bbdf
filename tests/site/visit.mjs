// Opens every page of the built book in a Chromium with the network cut, and prints what
// it saw as one JSON object. Judging it is the business of tests/test_site.py.
//   node visit.mjs CHROMIUM SITE_FOLDER FRAGMENTS.json > REPORT.json
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "fs";
import http from "http";
import { createRequire } from "module";
import path from "path";
import { pathToFileURL } from "url";
import { launch, watch } from "./browser.mjs";

const [browserPath, siteFolder, fragmentsFile] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const fragments = JSON.parse(readFileSync(fragmentsFile, "utf8"));

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".json": "application/json",
};

async function serve(answer) {
  const server = http.createServer(answer).listen(0, "127.0.0.1");
  await new Promise((done) => server.on("listening", done));
  return [server, `http://127.0.0.1:${server.address().port}`];
}

const [pagesServer, origin] = await serve((request, response) => {
  const name = decodeURIComponent(request.url.split("?")[0]);
  const file = path.join(siteFolder, name);
  if (existsSync(file) && statSync(file).isFile()) {
    const type = TYPES[path.extname(file)] || "application/octet-stream";
    response.writeHead(200, { "content-type": type });
    createReadStream(file).pipe(response);
  } else {
    response.writeHead(404).end();
  }
});

// A notebook front end that shows outputs, as Colab does, in sandboxed frames of an
// origin other than its own.
const [framesServer, framesOrigin] = await serve((request, response) => {
  const fragment = fragments[Number(request.url.slice(1))];
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  response.end(`<!doctype html><html lang="en"><title>Output</title>${fragment}</html>`);
});
const [hostServer, hostOrigin] = await serve((request, response) => {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  response.end(
    `<!doctype html><html lang="en"><title>Host</title><iframe title="output"
     sandbox="allow-scripts" width="700" height="900"
     src="${framesOrigin}${request.url}"></iframe></html>`,
  );
});

// index.html only leads on to the first page.
function htmlPages(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith("_") ? [] : htmlPages(full);
    if (!entry.name.endsWith(".html") || entry.name === "index.html") return [];
    return [path.relative(siteFolder, full)];
  });
}

const browser = await launch(browserPath);

// Opens one address in a fresh context, and hands the page and what went wrong to `look`.
async function visit(url, own, { width = 1200, scheme = "light" }, look) {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
  });
  const page = await context.newPage();
  const seen = { ...watch(page, own), failed: [] };
  page.on("requestfailed", (request) => seen.failed.push(request.url()));
  page.on("response", (response) => {
    if (response.status() >= 400) seen.failed.push(response.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error") seen.errors.push(message.text());
  });
  await page.goto(url, { waitUntil: "load" });
  await page.waitForFunction(() => !window.MathJax || window.MathJax.startup?.promise);
  await page.evaluate(() => window.MathJax?.startup.promise);
  await page.waitForTimeout(300);
  Object.assign(seen, await look(page));
  await context.close();
  return seen;
}

// What a widget shows: its words, its drawings, its canvases.
const shown = (widget) =>
  widget.evaluate((element) => ({
    text: element.innerText,
    drawn:
      [...element.querySelectorAll("svg")].map((svg) => svg.innerHTML).join() +
      [...element.querySelectorAll("canvas")].map((c) => c.toDataURL()).join() +
      [...element.querySelectorAll("img")].map((image) => image.src).join(),
  }));

// Moves every slider of every widget by keyboard alone.
async function moveWidgets(page, frame) {
  const moves = [];
  for (const widget of await frame.locator(".course-widget").all()) {
    for (const slider of await widget.locator("input[type=range]").all()) {
      await slider.focus();
      await page.keyboard.press("Home");
      await page.waitForTimeout(100);
      const before = await shown(widget);
      for (let press = 0; press < 3; press++) await page.keyboard.press("ArrowRight");
      await page.waitForTimeout(100);
      const after = await shown(widget);
      moves.push({
        text: before.text !== after.text,
        drawn: before.drawn !== after.drawn,
        draws: before.drawn !== "",
      });
    }
  }
  return moves;
}

async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map((node) => ({ rule: id, at: node.target.join(" "), html: node.html.slice(0, 160) })),
    );
}

// Presses Tab from the top of the page to its end; returns what was never reached.
async function unreached(page) {
  await page.evaluate(() => {
    const wanted = "a[href], button, input, select, textarea, summary, [tabindex]";
    window.stops = new Set(
      [...document.querySelectorAll(wanted)].filter(
        (element) =>
          element.tabIndex >= 0 &&
          !element.disabled &&
          element.getClientRects().length > 0 &&
          element.checkVisibility({ visibilityProperty: true }) &&
          !element.closest("[inert]"),
      ),
    );
    window.count = window.stops.size;
    document.activeElement?.blur();
    window.scrollTo(0, 0);
  });
  const limit = (await page.evaluate(() => window.count)) * 2 + 60;
  for (let press = 0; press < limit; press++) {
    await page.keyboard.press("Tab");
    const left = await page.evaluate(() => {
      window.stops.delete(document.activeElement);
      return window.stops.size;
    });
    if (left === 0) break;
  }
  return page.evaluate(() => [...window.stops].map((element) => element.outerHTML.slice(0, 160)));
}

const openFolded = (page) =>
  page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));

const report = { pages: {}, phone: {}, disk: {}, frames: [] };
for (const name of htmlPages(siteFolder)) {
  const url = `${origin}/${name}`;
  for (const scheme of ["light", "dark"]) {
    report.pages[`${name} (${scheme})`] = await visit(url, [origin], { scheme }, async (page) => {
      const keyboard = scheme === "light" ? await unreached(page) : [];
      await openFolded(page);
      return {
        keyboard,
        theme: await page.evaluate(() => document.documentElement.dataset.theme),
        axe: await axe(page),
        images: await page.evaluate(() =>
          [...document.querySelectorAll("img")].map((image) => ({
            alt: image.getAttribute("alt"),
            src: (image.getAttribute("src") || "").slice(0, 80),
            loaded: image.complete && image.naturalWidth > 0,
          })),
        ),
        managers: await page.evaluate(
          () => document.querySelectorAll('script[type*="jupyter.widget"]').length,
        ),
        widgets: await moveWidgets(page, page),
      };
    });
  }
  report.phone[name] = await visit(url, [origin], { width: 360 }, async (page) => {
    await openFolded(page);
    return {
      scrollWidth: await page.evaluate(() => document.scrollingElement.scrollWidth),
      axe: await axe(page),
    };
  });
  const file = pathToFileURL(path.join(siteFolder, name)).href;
  report.disk[name] = await visit(file, ["file://"], {}, async (page) => ({
    formulas: await page.evaluate(() => ({
      written: document.querySelectorAll(".math").length,
      set: document.querySelectorAll(".math mjx-container").length,
    })),
    widgets: await moveWidgets(page, page),
  }));
}
for (const index of fragments.keys()) {
  const url = `${hostOrigin}/${index}`;
  report.frames.push(
    await visit(url, [hostOrigin, framesOrigin], {}, async (page) => ({
      widgets: await moveWidgets(page, page.frameLocator("iframe")),
    })),
  );
}
await browser.close();
for (const server of [pagesServer, framesServer, hostServer]) server.close();
console.log(JSON.stringify(report));
