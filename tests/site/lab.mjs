// Opens a notebook in a JupyterLab that is running, runs all of it, moves its live widget,
// and prints what it saw as one JSON object. Judging it is the business of tests/test_lab.py.
//   node lab.mjs CHROMIUM ADDRESS_OF_NOTEBOOK > REPORT.json
import { launch, watch } from "./browser.mjs";

const [browserPath, address] = process.argv.slice(2);
const origin = new URL(address).origin;

const browser = await launch(browserPath);
// So tall that no output is out of sight: JupyterLab draws only what is in sight.
const page = await browser.newPage({ viewport: { width: 1200, height: 6000 } });
page.setDefaultTimeout(120_000);
const seen = watch(page, [origin]);
page.on("websocket", (socket) => {
  if (!socket.url().startsWith(origin.replace("http", "ws"))) seen.offOrigin.push(socket.url());
});

await page.goto(address);
await page.getByText(/^Python 3.* \| Idle$/).waitFor(); // the status bar: the kernel answers
await page.getByRole("menuitem", { name: "Run", exact: true }).click();
await page.getByRole("menuitem", { name: "Run All Cells", exact: true }).click();

const widget = page.locator(".course-widget");
const failures = page.locator(".jp-OutputArea-output", { hasText: "Traceback" });
await widget.or(failures).first().waitFor();
seen.failures = await failures.allInnerTexts();
seen.checks = await page.locator(".course-check").allInnerTexts();

// What the widget shows, and whether JupyterLab still stands at its cell.
const state = async () => ({
  d: await widget.getAttribute("data-d"),
  status: await widget.locator("[role=status]").textContent(),
  selected: await page.locator(".jp-Cell.jp-mod-active .course-widget").isVisible(),
});

// Waits until the widget shows this d; where it never does, the state will say so.
const shows = (d, timeout) =>
  widget.and(page.locator(`[data-d="${d}"]`)).waitFor({ timeout }).catch(() => {});

seen.states = [];
if (!seen.failures.length) {
  await widget.locator("input[type=range]").focus();
  seen.states.push(await state());
  for (const [key, d] of [["ArrowRight", 100], ["ArrowLeft", 50], ["ArrowLeft", 20]]) {
    await page.keyboard.press(key);
    await shows(d, 5_000);
    seen.states.push(await state());
  }
}
// Ask the kernel for another d, unless the keys went astray and folded the widget away.
if (await widget.isVisible()) {
  await widget.locator("input[type=number]").fill("");
  await page.keyboard.type("30");
  await page.keyboard.press("Enter");
  await shows(30, 60_000);
  seen.states.push(await state());
}
await browser.close();
console.log(JSON.stringify(seen));
