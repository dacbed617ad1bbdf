// Press keys until their numbers add up to the target; the best subset beside it.
// State: see SubsetSumKeys in subset_sum.py.

const KEYS_LOOK = `
.course-widget .sk-two { display: grid; gap: 0 22px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 230px), 1fr)); }
.course-widget .sk-keys { display: grid; gap: 5px; margin: 10px 0;
  grid-template-columns: repeat(auto-fill, minmax(62px, 1fr)); }
.course-widget .sk-keys button { min-height: 62px; padding: 6px 2px 4px; color: ${INK};
  background: #fff; border: 1px solid #6e7781; border-bottom-width: 6px; border-radius: 3px 3px 7px 7px;
  font: 14px system-ui, sans-serif; font-variant-numeric: tabular-nums; cursor: pointer; touch-action: manipulation; }
.course-widget .sk-keys button[aria-pressed=true] { color: #fff; background: var(--yours);
  border-color: var(--yours); border-bottom-width: 1px; padding-top: 11px; }
.course-widget .sk-keys small { display: block; height: 15px; font-size: 11px; line-height: 15px; }
.course-widget .sk-tools { display: flex; flex-wrap: wrap; gap: 6px 8px; margin: 0 0 10px; align-items: center; }
.course-widget .sk-tools button { font: inherit; min-height: 32px; padding: 4px 12px; color: ${BLUE};
  background: #fff; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .sk-tools button[aria-pressed=true] { color: #fff; background: ${BLUE}; }
.course-widget .sk-tools button:disabled { color: #6e7781; border-color: #6e7781; cursor: default; }
.course-widget .sk-say { margin: 4px 0 0 !important; font-size: 15px; font-variant-numeric: tabular-nums; }
.course-widget .sk-list { list-style: none; margin: 0 0 10px !important; max-width: 430px; }
.course-widget .sk-list li { display: flex; align-items: center; gap: 7px; margin: 0;
  font-variant-numeric: tabular-nums; }
.course-widget .sk-list svg { flex: none; }
.course-widget .sk-list span { flex: 1; }
.course-widget .sk-head { font-weight: 600; margin: 0 0 4px !important; }
.course-widget .sk-chart { cursor: pointer; touch-action: pan-y; }
`;

const TARGETS = 201; // from -1 to 1 in hundredths
const ZERO = 5e-7; // numbers have six digits: what is nearer is exact

// The sums of all subsets: bit k of an index says whether number k is in.
function allSums(numbers) {
  const sums = new Float64Array(2 ** numbers.length);
  numbers.forEach((value, k) => {
    for (let i = 0; i < 2 ** k; i++) sums[i + 2 ** k] = sums[i] + value;
  });
  return sums;
}

// The best subset [code, error] of the first n numbers, for n = 0 .. N.
function bestOfEach(sums, target) {
  const found = [];
  let code = 0, error = Infinity;
  for (let i = 0, next = 1; i < sums.length; i++) {
    const off = Math.abs(sums[i] - target);
    if (off < error) [code, error] = [i, off];
    if (i + 1 === next) {
      found.push([code, error]);
      next *= 2;
    }
  }
  return found;
}

function render({ model, el }) {
  card(el, KEYS_LOOK);
  const draws = model.get("draws"), looks = model.get("looks"), typical = model.get("typical");
  const most = draws[0].length;
  el.style.setProperty("--yours", looks.yours.colour);
  const signed = (value, digits = 3) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
  const short = (error) => (error < ZERO ? "0" : String(Number(error.toPrecision(2))));
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const numbers = () => draws[model.get("draw")].slice(0, model.get("n"));
  const down = () => model.get("pressed").slice(0, model.get("n"));
  const total = (mask) => numbers().reduce((sum, value, k) => sum + (mask[k] ? value : 0), 0);

  // --- sliders
  const target = slider("Target, the weight to make",
    (i) => [signed((i - 100) / 100, 2), `target ${signed((i - 100) / 100, 2)}`],
    (i) => set({ target: (i - 100) / 100 }));
  const count = slider("Keys, the random numbers",
    (i) => [`${i + 1}`, `${i + 1} keys: ${number(2 ** (i + 1))} subsets`],
    (i) => set({ n: i + 1 }));

  // --- the walk from 0 to the sum, a row a key
  const walk = node("svg:svg", { role: "img" });
  const walkBox = node("div", {}, walk);
  const say = node("p", { class: "sk-say", role: "status" });
  const sized = (svg, width, height) => {
    svg.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      svg.setAttribute(name, value);
    }
  };
  function drawWalk() {
    const width = Math.floor(walkBox.clientWidth);
    if (width <= 0) return;
    const all = draws[model.get("draw")], row = 9, top = 22, bottom = top + row * most + 4;
    const high = Math.max(1, all.reduce((sum, v) => sum + Math.max(v, 0), 0));
    const low = Math.min(-1, all.reduce((sum, v) => sum + Math.min(v, 0), 0));
    const sx = (v) => 10 + ((v - low) / (high - low)) * (width - 20);
    const wanted = model.get("target"), mask = down();
    sized(walk, width, bottom + 20);
    const line = (x1, y1, x2, y2, more) => walk.append(node("svg:line", { x1, y1, x2, y2, ...more }));
    for (let tick = Math.ceil(low); tick <= high; tick++) {
      line(sx(tick), top, sx(tick), bottom, { stroke: tick ? "#eaeef2" : "#8c959f" });
      walk.append(node("svg:text", { x: sx(tick), y: bottom + 15, "text-anchor": "middle" }, String(tick)));
    }
    line(sx(wanted), top - 4, sx(wanted), bottom, { stroke: INK, "stroke-width": 2 });
    const edge = sx(wanted) < 60 ? "start" : sx(wanted) > width - 60 ? "end" : "middle";
    walk.append(node("svg:text", { x: sx(wanted), y: 12, "text-anchor": edge }, `target ${signed(wanted, 2)}`));
    let sum = 0, last = top;
    const fall = (y) => line(sx(sum), last, sx(sum), y, { stroke: looks.yours.colour, "stroke-dasharray": "2 2" });
    numbers().forEach((value, k) => {
      if (!mask[k]) return;
      const y = top + row * (k + 0.5);
      fall(y);
      line(sx(sum), y, sx(sum + value), y, { stroke: looks.yours.colour, "stroke-width": 5, opacity: 0.6 });
      [sum, last] = [sum + value, y];
    });
    fall(bottom - 9);
    walk.append(node("svg:path", { d: `M${sx(sum)} ${bottom - 9}l6 9h-12z`, fill: looks.yours.colour }));
  }

  // --- the keys
  const keys = node("div", { class: "sk-keys", role: "group", "aria-label": "Keys to press" });
  const buttons = Array.from({ length: most }, (_, k) => {
    const value = node("span"), badge = node("small");
    const button = node("button", { type: "button" }, value, badge);
    button.addEventListener("click", () =>
      set({ pressed: model.get("pressed").map((is, i) => (i === k ? 1 - is : is)) }));
    keys.append(button);
    return { button, value, badge };
  });
  const tool = (text, call) => {
    const button = node("button", { type: "button" }, text);
    button.addEventListener("click", call);
    return button;
  };
  const best = tool("Show the best", () => set({ shown: !model.get("shown") }));
  const tools = node("div", { class: "sk-tools" },
    tool("Release all", () => set({ pressed: Array(most).fill(0) })), best);
  if (draws.length > 1) {
    tools.append(tool("Other numbers", () =>
      set({ draw: (model.get("draw") + 1) % draws.length, pressed: Array(most).fill(0), shown: false })));
  }

  // --- errors
  const swatch = ({ colour, mark }) => node("svg:svg",
    { width: 16, height: 14, viewBox: "-8 -7 16 14", "aria-hidden": "true" },
    node("svg:path", { d: mark, fill: colour }));
  const list = node("ul", { class: "sk-list" });
  const item = (look, text) => {
    const value = node("b"), box = node("li", {}, swatch(look), node("span", {}, text), value);
    list.append(box);
    return { value, box };
  };
  const errors = {
    yours: item(looks.yours, "the keys you pressed: off by"),
    chosen: item({ colour: BLUE, mark: "M-6 -1.5h12v3h-12z" }, "your function's subset: off by"),
    best: item(looks.best, "best of all subsets: off by"),
    single: item(looks.single, "nearest single number: off by"),
  };
  const chart = node("svg:svg", { class: "sk-chart", role: "img" });
  const chartBox = node("div", {}, chart);
  const chartText = node("figcaption");
  const floor = 10 ** (Math.floor(-most * Math.log10(2)) - 1);
  let scales = null;
  function drawChart(found, nearest, mine, chosen) {
    const width = Math.min(Math.floor(chartBox.clientWidth), 620);
    if (width <= 0) return;
    const height = 270, high = 4;
    sized(chart, width, height);
    const powers = Array.from({ length: Math.round(-Math.log10(floor)) + 1 }, (_, k) => 10 ** -k);
    const raised = (power) => "10⁻" + String(-Math.round(Math.log10(power))).replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
    scales = axes(chart, width, height,
      { low: 0.5, high: most + 0.5, ticks: Array.from({ length: most }, (_, k) => k + 1), write: String, name: "keys" },
      { low: floor * 0.8, high, log: true, ticks: powers, write: (v) => (v > 0.01 ? String(v) : raised(v)) });
    const { sx, sy, top, bottom } = scales;
    const y = (error) => sy(Math.min(Math.max(error, floor), high));
    const curve = (points, more) => chart.append(node("svg:polyline", { fill: "none", "stroke-width": 2, ...more,
      points: points.map(([n, error]) => `${sx(n).toFixed(1)},${y(error).toFixed(1)}`).join(" ") }));
    const dots = (points, { colour, mark }) => points.forEach(([n, error]) => chart.append(node("svg:path",
      { d: mark, fill: colour, stroke: "#fff", transform: `translate(${sx(n).toFixed(1)} ${y(error).toFixed(1)})` })));
    const n = model.get("n");
    chart.append(node("svg:line", { x1: sx(n), x2: sx(n), y1: top, y2: bottom, stroke: INK, "stroke-dasharray": "4 3" }));
    if (typical.length) curve(typical, { stroke: looks.best.colour, "stroke-dasharray": "5 4", "stroke-width": 1.5 });
    for (const [points, look] of [[nearest, looks.single], [found, looks.best]]) {
      curve(points, { stroke: look.colour });
      dots(points, look);
    }
    if (chosen !== null) {
      chart.append(node("svg:line", { x1: sx(n) - 9, x2: sx(n) + 9, y1: y(chosen), y2: y(chosen), stroke: BLUE, "stroke-width": 3 }));
    }
    chart.append(node("svg:circle", { cx: sx(n), cy: y(mine), r: 7, fill: "none", stroke: looks.yours.colour, "stroke-width": 3 }));
  }
  const drag = (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    const at = Array.from({ length: most }, (_, k) => Math.abs(scales.sx(k + 1) - x));
    const n = at.indexOf(Math.min(...at)) + 1;
    if (n !== model.get("n")) set({ n });
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    drag(event);
  });
  chart.addEventListener("pointermove", (event) => {
    if (event.buttons) drag(event);
  });

  // --- what changes
  let sums = null, summed = -1;
  function update() {
    const draw = model.get("draw"), n = model.get("n"), wanted = model.get("target");
    if (draw !== summed) [sums, summed] = [allSums(draws[draw]), draw];
    const all = bestOfEach(sums, wanted);
    const found = all.slice(1).map(([, error], k) => [k + 1, error]);
    const away = draws[draw].map((value) => Math.abs(value - wanted));
    const nearest = away.map((_, k) => [k + 1, Math.min(...away.slice(0, k + 1))]);
    const mask = down(), a = numbers(), sum = total(mask), mine = Math.abs(sum - wanted);
    const [code, least] = all[n], asked = model.get("chosen");
    const fits = asked && asked.target === wanted && String(asked.numbers) === String(a);
    const chosen = fits ? Math.abs(total(asked.mask) - wanted) : null;
    target.place(Math.round(100 * wanted) + 100, TARGETS);
    count.place(n - 1, most);
    buttons.forEach(({ button, value, badge }, k) => {
      button.hidden = k >= n;
      if (k >= n) return;
      const best = model.get("shown") && (code >> k) & 1, yours = fits && asked.mask[k];
      value.textContent = signed(a[k]);
      badge.textContent = best && yours ? "both" : best ? "best" : yours ? "function" : "";
      button.setAttribute("aria-pressed", Boolean(mask[k]));
    });
    best.setAttribute("aria-pressed", model.get("shown"));
    const parts = a.filter((_, k) => mask[k]).map((value) => signed(value));
    say.replaceChildren(parts.length ? `${parts.map((part, k) => (k ? part.replace(/^./, "$& ") : part)).join(" ")} = ` : "No key pressed: ",
      node("strong", {}, signed(sum)), `, off by `, node("strong", {}, short(mine)));
    errors.yours.value.textContent = short(mine);
    errors.best.value.textContent = short(least);
    errors.single.value.textContent = short(nearest[n - 1][1]);
    errors.chosen.box.hidden = chosen === null;
    errors.chosen.box.style.display = chosen === null ? "none" : "";
    errors.chosen.value.textContent = chosen === null ? "" : short(chosen);
    Object.assign(el.dataset, { n, target: wanted, sum: sum.toFixed(6), error: mine, best: least, single: nearest[n - 1][1] });
    walk.setAttribute("aria-label",
      `The pressed keys add up to ${signed(sum)}; the target is ${signed(wanted, 2)}.`);
    chart.setAttribute("aria-label", `Error against the number of keys. With ${n}: yours ${short(mine)}, ` +
      `best subset ${short(least)}, nearest single number ${short(nearest[n - 1][1])}. ` +
      `Best subset with 1: ${short(found[0][1])}, with ${most}: ${short(found[most - 1][1])}.`);
    drawWalk();
    drawChart(found, nearest, mine, chosen);
  }
  chartText.textContent = "The scale is logarithmic. Points: of the first keys, these numbers and this target." +
    (typical.length ? " Dashed: the usual error of the best subset, in the stored study." : "") + " Ring: your keys.";

  const two = node("div", { class: "sk-two" }, target.box, count.box);
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    two, keys, tools, walkBox, say,
    node("p", { class: "sk-head", style: "margin-top:12px !important" }, "Error"), list,
    node("figure", {}, chartBox, chartText),
  );
  let stopAsking = () => {};
  if (model.get("live")) {
    const status = node("span", { role: "status" });
    const ask = tool("Ask your function", () => {
      ask.disabled = true;
      status.textContent = "Asking …";
      model.send({ numbers: numbers(), target: model.get("target") });
    });
    tools.append(ask, status);
    const answered = (message) => {
      ask.disabled = false;
      status.textContent = message.error ?? "";
    };
    model.on("msg:custom", answered);
    stopAsking = () => model.off("msg:custom", answered);
  }
  const heard = ["draw", "n", "target", "pressed", "shown", "chosen"].map((name) => `change:${name}`);
  for (const event of heard) model.on(event, update);
  update();
  const stop = whenResized(el, update);
  return () => {
    stop();
    stopAsking();
    for (const event of heard) model.off(event, update);
  };
}

export default { render };
