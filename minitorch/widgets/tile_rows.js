// Weights as tiles that only change places; which pairs are pinned, in red; accuracy
// before and after each synchronisation. State: see TileRows in tile_rows.py.

const PIN = "#c0002a";
// Light for small values, dark for large ones, so that a stencil reads as ink.
const SHADES = [[255, 248, 217], [199, 229, 206], [101, 184, 195], [37, 108, 168], [10, 30, 92]];
const TILES_LOOK = `
.course-widget .tr-menus { display: flex; flex-wrap: wrap; gap: 6px 22px; margin-top: 10px; }
.course-widget .tr-say { margin: 8px 0 0 !important; font-size: 15px; font-variant-numeric: tabular-nums; }
.course-widget .tr-say i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 5px; }
.course-widget .tr-two { display: grid; gap: 14px 24px; margin-top: 12px; }
.course-widget .tr-two > * { min-width: 0; }
.course-widget .tr-wide { grid-template-columns: minmax(0, 1fr) 280px; align-items: start; }
.course-widget .tr-all { display: grid; gap: 2px; grid-template-columns: repeat(5, minmax(0, 1fr)); }
.course-widget .tr-lines { grid-template-columns: 1fr; gap: 1px; }
.course-widget .tr-all button { font: inherit; font-size: 13px; padding: 0 3px 3px; text-align: left; color: ${INK};
  background: #fff; border: 2px solid transparent; border-radius: 4px; cursor: pointer; min-height: 24px; }
.course-widget .tr-lines button { display: grid; grid-template-columns: 4em minmax(0, 1fr); align-items: center; }
.course-widget .tr-all button:hover { border-color: #8c959f; }
.course-widget .tr-all button[aria-pressed=true] { border-color: ${INK}; font-weight: 700; }
.course-widget .tr-all svg { width: 100%; overflow: visible; pointer-events: none; }
.course-widget .tr-big { position: relative; margin: 4px 0 6px; }
.course-widget .tr-big button { position: absolute; left: 0; top: 0; padding: 0; border: 1px solid #fff; border-radius: 3px;
  cursor: pointer; }
.course-widget .tr-big button[aria-pressed=true] { border: 3px solid ${INK}; outline: 2px solid #fff; outline-offset: -5px; z-index: 2; }
.course-widget .tr-big button:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 1px; z-index: 3; }
.course-widget .tr-pinned::after { content: ""; position: absolute; right: 2px; top: 2px; width: 9px; height: 9px;
  border-radius: 5px; background: ${PIN}; border: 1.5px solid #fff; }
.course-widget .tr-moving .tr-big button { transition: transform 0.6s; }
.course-widget .tr-moving .tr-all rect { transition: transform 0.6s; }
@media (prefers-reduced-motion: reduce) {
  .course-widget .tr-moving .tr-big button, .course-widget .tr-moving .tr-all rect { transition: none; }
}
.course-widget .tr-head { font-weight: 600; margin: 0 0 2px !important; }
.course-widget .tr-scale { display: flex; align-items: center; gap: 8px; font-size: 12.5px; color: ${MUTED}; margin-top: 6px; }
.course-widget .tr-scale span:nth-child(2) { flex: 1; max-width: 180px; height: 10px; border-radius: 2px;
  background: linear-gradient(90deg, ${SHADES.map((each) => `rgb(${each})`)}); border: 1px solid ${LINE}; }
.course-widget .tr-block { margin-top: 14px; }
.course-widget .tr-red { color: ${PIN}; font-weight: 700; }
.course-widget .tr-ask { display: flex; flex-wrap: wrap; align-items: end; gap: 8px 14px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .tr-ask label { display: block; font-size: 13px; }
.course-widget .tr-ask input { display: block; width: 7em; font: inherit; min-height: 32px; padding: 3px 6px;
  color: ${INK}; background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .tr-ask button { font: inherit; min-height: 32px; padding: 3px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .tr-ask button:disabled { background: #6e7781; border-color: #6e7781; cursor: default; }
`;

// From -1 (light) to 1 (dark).
function shade(t) {
  const at = ((Math.min(Math.max(t, -1), 1) + 1) / 2) * (SHADES.length - 1);
  const k = Math.min(Math.floor(at), SHADES.length - 2);
  return `rgb(${SHADES[k].map((low, i) => Math.round(low + (at - k) * (SHADES[k + 1][i] - low)))})`;
}
const signed = (value) => String(Number(value.toPrecision(2))).replace("-", "−");

function render({ model, el }) {
  card(el, TILES_LOOK);
  const names = model.get("names"), values = model.get("values"), n = model.get("n");
  const wide = model.get("wide"), folded = wide < n, total = model.get("steps"), O = names.length;
  const top = Math.max(...values.flat().map(Math.abs)) || 1;
  let runs;
  const read = () => {
    runs = model.get("runs").map((run) => {
      const copy = bytes(run.copy);
      return { ...run, tiles: bytes(run.tiles), copy: (i) => ((copy[i] / 255) * 2 - 1) * run.top };
    });
  };
  read();
  const run = () => runs[model.get("run")];
  const frame = () => Math.min(model.get("frame"), run().at.length);
  const before = () => model.get("view") === "before" && frame() > 0;
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  // The tiles that stand at the places of a neuron, and what the network uses there.
  const standing = (o, f) => run().tiles.subarray((f * O + o) * n, (f * O + o + 1) * n);
  const shown = (o) => standing(o, before() ? frame() - 1 : frame());
  const weight = (o, place) => before()
    ? run().copy(((frame() - 1) * O + o) * n + place) : values[o][standing(o, frame())[place]];
  const reach = () => run().reach[Math.max(frame() - 1, 0)];
  const isPinned = (o, a, b) => Math.abs(values[o][a] - values[o][b]) > 2 * reach();

  // --- which run
  const stored = runs.filter((each) => !each.mine);
  const unique = (list) => [...new Set(list)].sort((a, b) => a - b);
  let [lastK, lastRate] = [run().k, run().lr];
  const pick = (k, lr) => {
    const to = runs.findIndex((each) => !each.mine && each.k === k && each.lr === lr);
    if (to < 0) return place();
    const share = frame() / run().at.length, count = runs[to].at.length;
    set({ run: to, frame: share === 0 ? 0 : Math.max(1, Math.round(share * count)) });
  };
  const menuK = choice("A synchronisation every k steps:",
    unique(stored.map((each) => each.k)).map((k) => [k, k === total ? `${number(k)}: once, at the end` : String(k)]),
    (k) => pick(k, lastRate));
  const menuRate = choice("Learning rate:", unique(stored.map((each) => each.lr)).map((lr) => [lr, String(lr)]),
    (lr) => pick(lastK, lr));
  const mine = node("div");
  let menuMine;
  function drawMine() {
    const own = runs.map((each, i) => [i, each]).filter(([, each]) => each.mine);
    menuMine = own.length && choice("Trained here:",
      own.map(([i, each]) => [i, `k ${each.k}, rate ${number(each.lr)}`]), (i) => set({ run: i, frame: runs[i].at.length }));
    mine.replaceChildren(...(menuMine ? [menuMine.box] : []));
  }
  const menus = node("div", { class: "tr-menus" }, menuK.box, menuRate.box, mine);

  // --- when
  const count = (f) => run().steps.indexOf(run().at[f - 1]) + 1;
  const control = slider("Synchronisation",
    (f) => {
      if (f === 0) return ["0: as drawn", `none, the values as drawn: ${percent(run().start)} right`];
      const at = run().steps.indexOf(run().at[f - 1]), of = run().steps.length;
      return [`${at + 1} of ${of}, step ${number(run().at[f - 1])}`,
        `${at + 1} of ${of}: ${percent(run().before[at])} right before it, ${percent(run().after[at])} after`];
    },
    (f) => set({ frame: f }));
  const menuView = choice("Show", [["before", "the copy, before it"], ["after", "own values, after it"]],
    (view) => set({ view }));
  const say = node("p", { class: "tr-say", "aria-live": "polite" });

  // --- all neurons, small
  const all = node("div", { class: `tr-all${folded ? "" : " tr-lines"}`, role: "group", "aria-label": "Neurons" });
  const small = names.map((name, o) => {
    const lines = Math.ceil(n / wide);
    const svg = node("svg:svg", { viewBox: `0 0 ${10 * wide} ${10 * lines * (folded ? 1 : 2)}`, "aria-hidden": "true",
      "shape-rendering": "crispEdges", ...(folded ? {} : { preserveAspectRatio: "none", height: 18 }) });
    const rects = Array.from({ length: n }, () => node("svg:rect", { width: 10, height: folded ? 10 : 20 }));
    svg.append(...rects);
    const button = node("button", { type: "button" }, node("span", {}, name), svg);
    button.addEventListener("click", () => set({ chosen: [o, model.get("chosen")[1]] }));
    all.append(button);
    return { button, rects };
  });
  const scale = node("div", { class: "tr-scale", "aria-hidden": "true" },
    node("span", {}, signed(-top)), node("span"), node("span", {}, signed(top)));
  const allText = node("figcaption");

  // --- one neuron, large
  const bigHead = node("p", { class: "tr-head" });
  const big = node("div", { class: "tr-big", role: "group" });
  const tiles = Array.from({ length: n }, (_, tile) => {
    const button = node("button", { type: "button" });
    button.addEventListener("click", () => set({ chosen: [model.get("chosen")[0], tile] }));
    big.append(button);
    return button;
  });
  let across = wide;
  big.addEventListener("keydown", (event) => {
    const [o, tile] = model.get("chosen"), here = shown(o), at = here.indexOf(tile);
    const to = { ArrowUp: at - across, ArrowDown: at + across, ArrowLeft: at - 1, ArrowRight: at + 1,
      Home: 0, End: n - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 || to >= n) return;
    set({ chosen: [o, here[to]] });
    tiles[here[to]].focus();
  });
  const bigText = node("figcaption");

  // --- the values of that neuron on a line
  const line = node("svg:svg", { role: "img" }), lineText = node("figcaption");
  // --- accuracy
  const chart = node("svg:svg", { role: "img" }), chartText = node("figcaption");

  function drawTiles() {
    const [chosen, tile] = model.get("chosen");
    small.forEach(({ button, rects }, o) => {
      shown(o).forEach((own, at) => {
        rects[own].style.transform = `translate(${10 * (at % wide)}px, ${10 * Math.floor(at / wide)}px)`;
        rects[own].setAttribute("fill", shade(weight(o, at) / top));
      });
      button.setAttribute("aria-pressed", o === chosen);
      button.setAttribute("aria-label", `neuron ${names[o]}`);
    });
    const room = Math.min(Math.floor(bigBox.clientWidth), 300);
    across = Math.min(wide, Math.max(Math.floor(room / 26), 1));
    const side = Math.max(Math.floor(room / across), 1), lines = Math.ceil(n / across);
    Object.assign(big.style, { width: `${side * across}px`, height: `${side * lines}px` });
    shown(chosen).forEach((own, at) => {
      const button = tiles[own], value = values[chosen][own], pin = isPinned(chosen, tile, own);
      Object.assign(button.style, { width: `${side}px`, height: `${side}px`, background: shade(weight(chosen, at) / top),
        transform: `translate(${side * (at % across)}px, ${side * Math.floor(at / across)}px)` });
      button.className = pin ? "tr-pinned" : "";
      button.tabIndex = own === tile ? 0 : -1;
      button.setAttribute("aria-pressed", own === tile);
      const where = folded ? `line ${Math.floor(at / wide) + 1}, place ${(at % wide) + 1}` : `place ${at + 1}`;
      button.setAttribute("aria-label", `${where}: value ${signed(value)}` +
        (before() ? `, the copy ${signed(weight(chosen, at))}` : "") + (pin ? ", pinned" : ""));
    });
  }

  function drawLine() {
    const width = Math.floor(lineBox.clientWidth), height = 74;
    if (width <= 0) return;
    const [o, tile] = model.get("chosen"), own = values[o], far = 2 * reach();
    const x = (v) => 14 + ((v + top) / (2 * top)) * (width - 28);
    line.replaceChildren();
    sized(line, width, height);
    const [from, to] = [Math.max(own[tile] - far, -top), Math.min(own[tile] + far, top)].map(x);
    line.append(node("svg:rect", { class: "tr-band", x: from, y: 6, width: Math.max(to - from, 1), height: 34, fill: "#cfe3f3" }));
    let walls = 0;
    own.forEach((value, t) => {
      const pin = isPinned(o, tile, t);
      line.append(node("svg:line", { class: pin ? "tr-off" : "tr-on", x1: x(value), x2: x(value), y1: t === tile ? 2 : 12, y2: 36,
        stroke: t === tile ? INK : pin ? PIN : BLUE, "stroke-width": t === tile ? 4 : 2 }));
      if (t && isPinned(o, t, t - 1)) {
        walls++;
        line.append(node("svg:line", { class: "tr-wall", x1: x(own[t - 1]), x2: x(value), y1: 42, y2: 42, stroke: PIN, "stroke-width": 5 }));
      }
    });
    line.append(node("svg:line", { x1: 14, x2: width - 14, y1: 48, y2: 48, stroke: "#8c959f" }));
    for (const [value, anchor] of [[-top, "start"], [0, "middle"], [top, "end"]]) {
      line.append(node("svg:text", { x: x(value) + (anchor === "start" ? -12 : anchor === "end" ? 12 : 0), y: 64, "text-anchor": anchor },
        signed(value)));
    }
    return walls;
  }

  function drawChart() {
    const width = Math.floor(chartBox.clientWidth), height = 210;
    if (width <= 0) return;
    const { steps, before: low, after, start } = run();
    chart.replaceChildren();
    sized(chart, width, height);
    const { sx, sy, left, right } = axes(chart, width, height,
      { low: 0, high: total, ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * total)), write: number, name: "step" },
      { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], write: (y) => `${100 * y} %` });
    const free = runs.find((each) => each.k === total && each.lr === run().lr);
    if (free) {
      chart.append(node("svg:line", { x1: left, x2: right, y1: sy(free.before.at(-1)), y2: sy(free.before.at(-1)),
        stroke: MUTED, "stroke-width": 1.5, "stroke-dasharray": "5 4" }));
    }
    const points = [[0, start], ...steps.flatMap((step, i) => [[step, low[i]], [step, after[i]]])];
    chart.append(node("svg:polyline", { fill: "none", stroke: "#6ea6cd", "stroke-width": 1.5,
      points: points.map(([step, y]) => `${sx(step).toFixed(1)},${sy(y).toFixed(1)}`).join(" ") }));
    const f = frame(), at = f && count(f) - 1, step = f ? run().at[f - 1] : 0;
    const dot = (y, fill) => chart.append(node("svg:circle", { cx: sx(step), cy: sy(y), r: 6, fill, stroke: INK, "stroke-width": 1.5 }));
    if (f) dot(low[at], "#fff");
    dot(f ? after[at] : start, BLUE);
    return free?.before.at(-1);
  }

  function place() {
    const { k, lr, mine: own } = run();
    if (!own) [lastK, lastRate] = [k, lr];
    menuK.show(own ? null : k);
    menuRate.show(own ? null : lr);
    if (menuMine) menuMine.show(own ? model.get("run") : null);
    control.place(frame(), run().at.length + 1);
    menuView.show(before() ? "before" : "after");
    menuView.buttons[0][1].disabled = frame() === 0;
  }

  function update() {
    const f = frame(), { k, lr, pairs } = run(), [o, tile] = model.get("chosen"), own = values[o];
    place();
    const at = f && count(f) - 1;
    say.replaceChildren(...(f === 0
      ? [`As drawn, the ${O === 1 ? "neuron reads" : "network reads"} `, node("b", {}, percent(run().start)), "."]
      : [node("i", { style: `background:#fff;border:1.5px solid ${INK}` }), "before it, the copy: ", node("b", {}, percent(run().before[at])),
        " ", node("br"), node("i", { style: `background:${BLUE}` }), "after it, own values: ", node("b", {}, percent(run().after[at]))]));
    drawTiles();
    const walls = drawLine(), free = drawChart();
    const others = n - 1, off = own.filter((_, t) => isPinned(o, tile, t)).length;
    Object.assign(el.dataset, { k, lr, frame: f, view: before() ? "before" : "after", neuron: o, tile, pinned: off, walls });
    const [held, moved, both] = pairs[Math.max(f - 1, 0)], every = (O * n * (n - 1)) / 2;
    allText.textContent = `Each neuron's ${n} weights, ${folded ? "where their pixels are" : "in the order of their connections"}. ` +
      (before() ? "These are the copy's numbers, as Adam moved them since the synchronisation before."
        : "The tiles of a neuron are the same at every synchronisation; only their places change.");
    bigHead.textContent = `Neuron ${names[o]}`;
    big.setAttribute("aria-label", `Weights of neuron ${names[o]}`);
    bigText.replaceChildren(`Framed: the value ${signed(own[tile])}. It could trade places with ${others - off} ` +
      `of the ${others} others; `,
      node("span", { class: "tr-red" }, `${off} were pinned`), " (red dots). Click another, or go by the arrow keys.");
    const when = f === 0 ? `in the first ${number(run().at[0])} steps` : "since the synchronisation before";
    lineText.replaceChildren(`Adam takes a weight about as far as the learning rates add up to: ${number(reach())} ${when}. `,
      `Values further apart than twice that keep their order. The band is what the framed value can trade with. `,
      node("span", { class: "tr-red" }, walls ? `Red below: ${walls} of ${others} pairs of neighbours pinned` : ""),
      walls ? "; nothing passes there." : "No two neighbours are pinned.",
      node("br"), f === 0 ? "" : `Measured, all neurons: of ${number(held)} pinned pairs ${number(both)} changed their order, ` +
        `of ${number(every - held)} others ${number(moved - both)}.`);
    line.setAttribute("aria-label", `The ${n} values of neuron ${names[o]} on a line: ` +
      `${off} of ${others} too far from ${signed(own[tile])} to trade with it, ` +
      `${walls} pairs of neighbours pinned`);
    chartText.textContent = "Accuracy on held-out digits: up as the copy moves, down at each synchronisation." +
      (free === undefined ? "" : ` Dashed: ${percent(free)}, the same start and rate with no synchronisation, ordinary training.`);
    chart.setAttribute("aria-label", `Accuracy over ${number(total)} steps, from ${percent(run().start)} ` +
      `to ${percent(run().after.at(-1))} after the last synchronisation`);
  }

  const bigBox = node("figure", {}, bigHead, big, bigText);
  const lineBox = node("figure", { class: "tr-block" }, node("p", { class: "tr-head" }, "Its values on a line"), line, lineText);
  const chartBox = node("figure", { class: "tr-block" }, node("p", { class: "tr-head" }, "Accuracy"), chart, chartText);
  const two = node("div", { class: "tr-two" }, node("figure", {}, all, scale, allText), bigBox);
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    menus, control.box, menuView.box, say, two, lineBox, chartBox,
  );
  const ask = model.get("live") && asker({ model, total });
  if (ask) el.append(ask.box);
  drawMine();

  const fresh = () => {
    read();
    drawMine();
    update();
  };
  const heard = { "change:run": update, "change:frame": update, "change:view": update, "change:chosen": update, "change:runs": fresh };
  for (const [event, call] of Object.entries(heard)) model.on(event, call);
  const stop = whenResized(el, () => {
    two.classList.toggle("tr-wide", el.clientWidth > 620);
    el.classList.remove("tr-moving");
    update();
    requestAnimationFrame(() => requestAnimationFrame(() => el.classList.add("tr-moving")));
  });
  return () => {
    stop();
    ask?.stop();
    for (const [event, call] of Object.entries(heard)) model.off(event, call);
  };
}

// With a kernel: another k, another learning rate.
function asker({ model, total }) {
  const labelled = (text, input) => {
    input.id = `tr-${Math.random().toString(36).slice(2)}`;
    return node("div", {}, node("label", { for: input.id }, text), input);
  };
  const k = node("input", { type: "number", min: 1, max: total, step: 1, value: 40 });
  const rate = node("input", { type: "number", min: 0, step: "any", value: 0.03 });
  const button = node("button", { type: "button" }, "Train");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "tr-ask" }, labelled("k", k), labelled("Learning rate", rate), button, status);
  const every = [k, rate, button];
  const ask = () => {
    const wanted = { k: Number(k.value), lr: Number(rate.value) };
    if (!Number.isInteger(wanted.k) || wanted.k < 1 || wanted.k > total) {
      status.textContent = `k is a whole number, 1 to ${total}.`;
      return;
    }
    if (!(wanted.lr > 0)) {
      status.textContent = "A learning rate is above 0.";
      return;
    }
    every.forEach((each) => (each.disabled = true));
    status.textContent = "Training …";
    model.send(wanted);
  };
  button.addEventListener("click", ask);
  for (const input of [k, rate]) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !input.disabled) ask();
    });
  }
  const answered = (message) => {
    every.forEach((each) => (each.disabled = false));
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
