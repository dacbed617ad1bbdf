"""A page of a phone's width for one widget, and what each owes the page it is in."""

import json
import re
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from browser import node_and_browser

from minitorch.widgets import view

# The module meets a stand-in for its model; what it showed is left in the page.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<body style="width:330px"><main></main><script type="module">MODULE
const state = STATE, heard = {}, seen = {}, sent = [];
const model = {
  get: (name) => state[name],
  set(name, value) {
    state[name] = value;
    (heard["change:" + name] ?? []).forEach((call) => call());
  },
  on: (event, call) => (heard[event] ??= []).push(call),
  off() {}, save_changes() {}, send: (message) => sent.push(message),
};
const el = document.querySelector("main");
let escaped = 0;
document.addEventListener("keydown", () => escaped++);
const all = (query) => [...el.querySelectorAll(query)];
const put = (to, value, event = "input") => {
  to.value = value;
  to.dispatchEvent(new Event(event));
};
const press = (to, name) =>
  to.dispatchEvent(new KeyboardEvent("keydown",
    { key: name, bubbles: true, cancelable: true }));
const large = (list) => list.every((each) =>
  each.offsetWidth >= 24 && each.offsetHeight >= 24);
LOOK
try {
  render({ model, el });
  SCRIPT
  Object.assign(seen, { sent, escaped, wide: document.scrollingElement.scrollWidth,
    named: all("input, select").map((each) => each.labels.length) });
} catch (error) {
  seen.error = String(error) + error.stack;
}
document.body.append(Object.assign(document.createElement("pre"),
  { id: "seen", textContent: btoa(encodeURIComponent(JSON.stringify(seen))) }));
</script></body></html>"""


def drive(
    folder: Path, made: Any, look: str, script: str, live: bool = True
) -> dict[str, Any]:
    """Draw a widget in a browser and do what the script says.

    Args:
        folder: an empty one, for the page and the browser's profile.
        made: the widget.
        look: JavaScript that stands before it is drawn; `look` reads what is shown.
        script: JavaScript that plays the reader and puts what it sees into `seen`.
        live: whether the widget is told that there is a kernel.

    Returns:
        `seen`, with sent, the messages to the kernel. No key press has left the widget,
        each control has one label, and the page is no wider than a phone's.
    """
    _, browser = node_and_browser()
    page = folder / "page.html"
    parts = {
        "MODULE": view.source(made.module),
        "STATE": json.dumps(made.state | {"live": live}),
        "LOOK": look,
        "SCRIPT": script,
    }
    text = re.sub("|".join(parts), lambda found: parts[found[0]], PAGE)
    page.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={folder}", "--window-size=500,900",
         "--virtual-time-budget=5000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    found = re.search(r'<pre id="seen">([^<]+)', done.stdout)
    assert found, done.stderr
    shown: dict[str, Any] = json.loads(unquote(b64decode(found[1]).decode()))
    assert "error" not in shown, shown["error"]
    assert set(shown["named"]) == {1} and shown["escaped"] == 0
    assert shown["wide"] <= 500
    return shown


def asks_for_nothing_else(made: Any) -> None:
    """Hold that both views have what the module reads, and that it asks no one."""
    code, static = view.source(made.module), made.static()
    read = set(re.findall(r'model\.[gs]et\("(\w+)"', code))
    assert read <= {name for name in made.live().keys if not name.startswith("_")}
    assert read <= set(static.state)
    for word in ("Storage", "cookie", "window.", "fetch(", "XMLHttpRequest"):
        assert word not in code, word
    html = static._repr_html_()
    assert set(re.findall(r"https?://[^\"'\s)]+", html)) <= {
        "http://www.w3.org/2000/svg"
    }


def answers(live: Any, message: dict[str, Any]) -> list[dict[str, Any]]:
    """What a widget sends back when its page sends it a message."""
    heard: list[dict[str, Any]] = []
    live.send = heard.append
    live._handle_custom_msg(message, [])
    return heard
