// What every script here does alike: a Chromium with the network cut, and a list of what
// goes wrong on a page.
import { chromium } from "playwright-core";

export const launch = (executablePath) =>
  chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });

// Fills its lists as the page goes: requests that start with none of `own`, uncaught errors.
export function watch(page, own) {
  const seen = { offOrigin: [], errors: [] };
  page.on("request", (request) => {
    const asked = request.url();
    if (!own.some((start) => asked.startsWith(start)) && !/^(data|blob):/.test(asked))
      seen.offOrigin.push(asked);
  });
  page.on("pageerror", (error) => seen.errors.push(error.message));
  return seen;
}
