// Click a digit of any task: the gradient in every task's share, and the mask that it
// names. State: see TaskBars in task_bars.py.

const TASKS_LOOK = `
.course-widget .tb-say { margin-top: 6px; font-size: 15px; }
.course-widget .tb-say p, .course-widget .tb-say li { margin: 0 0 1px !important; }
.course-widget .tb-say ul { list-style: none; }
.course-widget .tb-say li { font-size: 14px; }
.course-widget .tb-right { color: ${RIGHT}; }
.course-widget .tb-wrong { color: ${WRONG}; }
.course-widget .tb-two { display: grid; gap: 12px 24px; margin-top: 10px; }
.course-widget .tb-two > * { min-width: 0; }
.course-widget .tb-wide { grid-template-columns: minmax(0, 1fr) 216px; align-items: start; }
.course-widget .tb-wide .tb-pictures { order: 2; }
.course-widget .tb-pictures { display: grid; gap: 8px 12px; align-items: end;
  grid-template-columns: repeat(3, minmax(0, 1fr)); }
.course-widget .tb-wide .tb-pictures { grid-template-columns: 1fr 1fr; }
.course-widget .tb-wide .tb-mask, .course-widget .tb-pictures > figcaption { grid-column: 1 / -1; }
.course-widget .tb-pictures canvas { width: 100%; image-rendering: pixelated; border: 1px solid ${LINE}; }
.course-widget .tb-pictures b { display: block; font-size: 13px; line-height: 1.25; margin-bottom: 3px; }
.course-widget .tb-rows { position: relative; }
.course-widget .tb-row { display: grid; align-items: center; gap: 0 6px; padding: 1px 2px; border-radius: 4px;
  grid-template-columns: 2em auto minmax(0, 1fr) 4.2em; font-variant-numeric: tabular-nums; }
.course-widget .tb-head { font-size: 12.5px; color: ${MUTED}; align-items: end; }
.course-widget .tb-name, .course-widget .tb-head :first-child { text-align: right; }
.course-widget .tb-rows + figcaption { margin-top: 6px; }
.course-widget .tb-its { background: #e8f1f8; }
.course-widget .tb-its .tb-name, .course-widget .tb-named .tb-value { font-weight: 700; }
.course-widget .tb-digits { display: flex; gap: 2px; }
.course-widget .tb-digits button { flex: none; width: 26px; height: 26px; padding: 1px; background: #fff;
  border: 2px solid transparent; border-radius: 3px; cursor: pointer; }
.course-widget .tb-digits button:hover { border-color: #8c959f; }
.course-widget .tb-digits button[aria-pressed=true] { border-color: ${INK}; }
.course-widget .tb-digits canvas { width: 100%; height: 100%; pointer-events: none; }
.course-widget .tb-row svg { width: 100%; height: 18px; overflow: visible; }
.course-widget .tb-value { white-space: nowrap; }
.course-widget .tb-out .tb-value { visibility: hidden; }
.course-widget .tb-ask { display: flex; flex-wrap: wrap; align-items: end; gap: 8px 14px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .tb-ask label { display: block; font-size: 13px; }
.course-widget .tb-ask select, .course-widget .tb-ask input { display: block; font: inherit; min-height: 32px;
  padding: 3px 6px; color: ${INK}; background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .tb-ask input { width: 7em; }
.course-widget .tb-ask button { font: inherit; min-height: 32px; padding: 3px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .tb-ask button:disabled { background: #6e7781; border-color: #6e7781; cursor: default; }
.course-widget .tb-ask select:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 2px; }
`;

// Base64 text of two bytes a number, the lower one first, to numbers from low to high.
function numbers(text, low, high) {
  const raw = bytes(text);
  return Array.from({ length: raw.length / 2 },
    (_, i) => low + ((raw[2 * i] + 256 * raw[2 * i + 1]) / 65535) * (high - low));
}

// Three places, with a true minus sign.
const signedText = (value) => value.toPrecision(3).replace("-", "−");

// Pixels of 0 to 255 on a square canvas, by a colour for each.
function paint(canvas, pixels, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  pixels.forEach((value, i) => image.data.set([...colour(value), 255], 4 * i));
  context.putImageData(image, 0, 0);
}
const ink = (value) => [31, 35, 40].map((dark) => Math.round(255 - ((255 - dark) * value) / 255));

function render({ model, el }) {
  card(el, TASKS_LOOK);
  const T = model.get("tasks"), side = model.get("side"), F = side * side;
  const counts = model.get("counts"), masks = bytes(model.get("masks"));
  const given = model.get("orders"), orders = given && numbers(given, 0, 65535).map(Math.round);
  const n = model.get("found").labels.length;
  let found;
  function read() {
    const raw = model.get("found"), { most } = raw, plain = bytes(raw.plain);
    const seen = raw.seen ? bytes(raw.seen) : new Uint8Array(T * n * F);
    if (!raw.seen) {
      for (let i = 0; i < T * n * F; i++) {
        const task = Math.floor(i / (n * F)), digit = Math.floor(i / F) % n;
        seen[i] = plain[digit * F + orders[task * F + (i % F)]];
      }
    }
    const bars = Object.fromEntries(Object.entries(raw.bars).map(([k, each]) => [k, {
      values: numbers(each.values, -each.reach, each.reach), named: bytes(each.named),
      mixed: numbers(each.mixed, 0, most) }]));
    found = { ...raw, plain, seen, bars, alone: numbers(raw.alone, 0, most), read: bytes(raw.read) };
  }
  const count = () => counts[model.get("at")];
  // The tasks named for the digits of the first k, of those whose mask is there.
  const first = (k) => Array.from({ length: k * n }, (_, i) => [Math.floor(i / n), i]);
  const right = (k) => first(k).filter(([task, i]) => found.bars[k].named[i] === task).length;
  const surest = (i, k) => {
    const alone = found.alone.slice(i * T, i * T + k);
    return alone.indexOf(Math.min(...alone));
  };

  const control = slider("Tasks whose masks are laid over each other",
    (at) => {
      const k = counts[at];
      return [`${k} tasks`, `${k} tasks: the right one named for ${right(k)} of ${k * n} digits`];
    },
    (at) => {
      model.set("at", at);
      model.save_changes();
    });
  const say = node("div", { class: "tb-say", "aria-live": "polite" });

  // --- the digit, and the mask that is named
  const picture = (name) => {
    const canvas = node("canvas", { width: side, height: side, role: "img" }), head = node("b");
    return { box: node("figure", { class: name }, head, canvas), canvas, head };
  };
  const digit = picture("tb-plain"), view = picture("tb-seen"), mask = picture("tb-mask");
  digit.head.textContent = "The digit";
  const pictureText = node("figcaption");
  const pictures = node("div", { class: "tb-pictures" }, digit.box, view.box, mask.box, pictureText);

  // --- a row for each task: its digits, and its bar
  const heads = ["task", "its digits", "", ""].map((text) => node("span", {}, text));
  const table = node("div", { class: "tb-rows", role: "group", "aria-label": "Digits of every task, and what the gradient says" },
    node("div", { class: "tb-row tb-head" }, ...heads));
  const choose = (task, digit, focus) => {
    model.set("chosen", [task, digit]);
    model.save_changes();
    if (focus) rows[task].buttons[digit].focus();
  };
  const rows = Array.from({ length: T }, (_, task) => {
    const buttons = Array.from({ length: n }, (_, i) => {
      const canvas = node("canvas", { width: side, height: side, "aria-hidden": "true" });
      const button = node("button", { type: "button" }, canvas);
      button.addEventListener("click", () => choose(task, i));
      return button;
    });
    const bar = node("svg:svg", { "aria-hidden": "true" }), value = node("span", { class: "tb-value" });
    const row = node("div", { class: "tb-row" }, node("span", { class: "tb-name" }, String(task)),
      node("span", { class: "tb-digits" }, ...buttons), bar, value);
    table.append(row);
    return { row, buttons, bar, value };
  });
  table.addEventListener("keydown", (event) => {
    const [task, at] = model.get("chosen");
    const to = { ArrowUp: [task - 1, at], ArrowDown: [task + 1, at], ArrowLeft: [task, at - 1],
      ArrowRight: [task, at + 1], Home: [task, 0], End: [task, n - 1] }[event.key];
    if (!to || !event.target.closest("button")) return;
    event.preventDefault();
    if (to[0] >= 0 && to[0] < T && to[1] >= 0 && to[1] < n) choose(...to, true);
  });
  const tableText = node("figcaption");

  function drawDigits() {
    rows.forEach(({ buttons }, task) => buttons.forEach((button, i) => {
      const from = (task * n + i) * F;
      paint(button.firstChild, found.seen.subarray(from, from + F), ink);
      button.setAttribute("aria-label", `task ${task}, a handwritten ${found.labels[i]}`);
    }));
  }
  function drawBars(values, named, task) {
    const low = Math.min(0, ...values), high = Math.max(0, ...values) || 1;
    rows.forEach(({ row, bar, value }, i) => {
      const inside = i < values.length, is = inside && i === named;
      row.className = `tb-row${i === task ? " tb-its" : ""}${is ? " tb-named" : ""}${inside ? "" : " tb-out"}`;
      const width = Math.floor(bar.clientWidth);
      bar.replaceChildren();
      value.textContent = inside ? `${signedText(values[i])}${is ? (i === task ? " ✓" : " ✗") : ""}` : "";
      if (width <= 0) return;
      bar.setAttribute("viewBox", `0 0 ${width} 18`);
      if (!inside) {
        bar.append(node("svg:text", { x: 2, y: 13, style: `fill: ${MUTED}` }, "no mask here"));
        return;
      }
      const x = (v) => 1 + ((v - low) / (high - low)) * (width - 2);
      const [from, to] = [x(0), x(values[i])].sort((a, b) => a - b);
      const colour = is ? (i === task ? BLUE : WRONG) : "#aab2bb";
      bar.append(
        node("svg:rect", { x: from, y: 2, width: Math.max(to - from, 0.5), height: 14, fill: colour }),
        node("svg:line", { x1: x(0), x2: x(0), y1: 0, y2: 18, stroke: INK }));
    });
  }

  function update() {
    const k = count(), [task, at] = model.get("chosen"), i = task * n + at;
    const { objective, most, labels } = found, { values, named, mixed } = found.bars[k];
    const pick = named[i], ok = pick === task, label = labels[at], there = task < k;
    const reads = found.read[i * T + pick], alone = found.alone[i * T + pick], best = surest(i, k);
    Object.assign(el.dataset, { k, task, digit: at, named: pick, right: right(k), objective });
    control.place(model.get("at"), counts.length);
    drawBars(values.slice(i * k, i * k + k), pick, task);
    rows.forEach(({ buttons }, row) => buttons.forEach((button, column) => {
      const here = row === task && column === at;
      button.setAttribute("aria-pressed", here);
      button.tabIndex = here ? 0 : -1;
    }));

    const amount = objective === "entropy"
      ? (value) => `H = ${value.toFixed(2)} nats`
      : (value) => `the spare outputs hold ${percent(value)}`;
    const mark = (good) => node("b", { class: good ? "tb-right" : "tb-wrong" }, good ? "✓" : "✗");
    const sure = objective === "entropy" ? "the surest" : "least on spare outputs";
    say.replaceChildren(
      node("p", {}, `A ${label} of task ${task}: one gradient names `, node("strong", {}, `task ${pick} `), mark(ok),
        there ? "." : `. Task ${task} has no mask here, so it cannot be named.`),
      node("ul", {},
        node("li", {}, `All ${k} masks together: ${amount(mixed[i])}` +
          (objective === "entropy" ? `, of at most ${most.toFixed(2)}` : "")),
        node("li", {}, `Mask ${pick} alone: ${amount(alone)}; it reads ${reads} `, mark(reads === label)),
        node("li", {}, `Each of the ${k} alone: mask ${best} is ${sure} `, mark(best === task))));

    const colour = (value) => viridis(value / 255), from = i * F;
    paint(digit.canvas, found.plain.subarray(at * F, at * F + F), ink);
    paint(view.canvas, found.seen.subarray(from, from + F), ink);
    const own = masks.subarray(pick * F, pick * F + F), shown = new Uint8Array(F);
    own.forEach((value, place) => (shown[orders ? orders[task * F + place] : place] = value));
    paint(mask.canvas, shown, colour);
    view.head.textContent = `as task ${task} shows it`;
    mask.head.textContent = `Mask ${pick}, the one named`;
    digit.canvas.setAttribute("aria-label", `A handwritten ${label}`);
    view.canvas.setAttribute("aria-label", `The same ${label} as task ${task} shows it`);
    mask.canvas.setAttribute("aria-label", `The weights that mask ${pick} keeps from each pixel` +
      (orders ? `, put back by the order of task ${task}` : ""));
    pictureText.textContent = "Bright: pixels whose kept weights pull the units another way than the background's do, as training left them" +
      (orders ? `, put back by the order of task ${task}. Task and mask ${ok ? "fit: bright is where digits have ink."
        : "do not fit: it looks like noise."}` : ".");

    heads[2].textContent = `−d${objective === "entropy" ? "H" : "G"}/dα`;
    const tried = first(k).filter(([own, j]) => surest(j, k) === own).length;
    tableText.textContent = `Bars: how much surer the network grows as a task's share grows. The longest is named. Of the ${k * n} digits of these ${k} tasks one gradient names ` +
      `the right task for ${right(k)}, trying all ${k} masks for ${tried}. Tasks count from 0, as in the code. ` +
      "Click a digit, or go from one to the next by the arrow keys." +
      (objective === "entropy" ? "" : " G asks for less on the outputs that stand for no class.") +
      (found.temperature === 1 ? "" : ` Temperature ${number(found.temperature)}.`);
  }
  function redraw() {
    read();
    drawDigits();
    update();
  }

  const two = node("div", { class: "tb-two" }, pictures, node("figure", {}, table, tableText));
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    control.box, say, two,
  );
  const ask = model.get("live") && asker({ model });
  if (ask) el.append(ask.box);

  const heard = { "change:at": update, "change:chosen": update, "change:found": redraw };
  for (const [event, call] of Object.entries(heard)) model.on(event, call);
  redraw();
  const stop = whenResized(el, () => {
    two.classList.toggle("tb-wide", el.clientWidth > 620);
    update();
  });
  return () => {
    stop();
    ask?.stop();
    for (const [event, call] of Object.entries(heard)) model.off(event, call);
  };
}

// With a kernel: another objective, another temperature, other digits.
function asker({ model }) {
  const { objective, temperature, start } = model.get("found");
  const says = { entropy: "H, the entropy", G: "G, of the spare outputs" };
  const labelled = (text, input) => {
    input.id = `tb-${Math.random().toString(36).slice(2)}`;
    return node("div", {}, node("label", { for: input.id }, text), input);
  };
  const select = node("select");
  select.append(...model.get("objectives").map((name) => node("option", { value: name }, says[name])));
  select.value = objective;
  const heat = node("input", { type: "number", min: 0.05, step: "any", value: temperature });
  const place = node("input", { type: "number", min: 0, step: 1, value: start });
  const button = node("button", { type: "button" }, "Ask again");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "tb-ask" }, labelled("Gradient of", select), labelled("Temperature", heat),
    labelled("First test digit", place), button, status);
  const all = [select, heat, place, button];
  const ask = () => {
    const wanted = { objective: select.value, temperature: Number(heat.value), start: Number(place.value) };
    if (!(wanted.temperature > 0)) {
      status.textContent = "A temperature is above 0.";
      return;
    }
    if (!Number.isInteger(wanted.start) || wanted.start < 0) {
      status.textContent = "The first digit is a whole number, 0 or more.";
      return;
    }
    all.forEach((each) => (each.disabled = true));
    status.textContent = "Asking …";
    model.send(wanted);
  };
  button.addEventListener("click", ask);
  for (const input of [heat, place]) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !input.disabled) ask();
    });
  }
  const answered = (message) => {
    all.forEach((each) => (each.disabled = false));
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
