// Drag keep: weights before training against after it, which of them a criterion keeps,
// and how well the kept ones read untrained. State: see WeightScatter in weight_scatter.py.

const SCATTER_LOOK = `
.course-widget .ws-menus { display: grid; gap: 6px 18px; margin-top: 12px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 230px), 1fr)); }
.course-widget .ws-menus label { display: block; }
.course-widget select { display: block; width: 100%; min-height: 32px; font: inherit;
  padding: 4px 6px; color: ${INK}; background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget select:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 2px; }
.course-widget .ws-two { display: grid; gap: 14px 22px; margin-top: 12px; }
.course-widget .ws-two > * { min-width: 0; }
.course-widget .ws-wide { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.course-widget .ws-head { font-weight: 600; margin: 0 0 4px !important; }
.course-widget .ws-chart { cursor: pointer; touch-action: pan-y; }
.course-widget .ws-say { margin: 0 0 6px !important; font-size: 15px; }
.course-widget .ws-arms { list-style: none; margin: 0 !important; max-width: 420px; }
.course-widget .ws-arms li { display: flex; align-items: center; gap: 7px; margin: 0; font-size: 15px;
  font-variant-numeric: tabular-nums; }
.course-widget .ws-arms svg { flex: none; }
.course-widget .ws-arms span { flex: 1; }
.course-widget .ws-ask { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .ws-ask input { width: 7em; font: inherit; padding: 4px 6px; color: ${INK};
  background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .ws-ask button { font: inherit; padding: 4px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .ws-ask button:disabled { background: #6e7781; border-color: #6e7781; cursor: default; }
`;

// Base64 text of two bytes a number, the lower one first.
function words(text) {
  const raw = bytes(text);
  return Array.from({ length: raw.length / 2 }, (_, i) => raw[2 * i] + 256 * raw[2 * i + 1]);
}

// A labelled menu of [value, text] pairs.
function menu(text, choices, chosen) {
  const id = `ws-${Math.random().toString(36).slice(2)}`;
  const select = node("select", { id });
  select.append(...choices.map(([value, said]) => node("option", { value }, said)));
  select.addEventListener("change", () => chosen(select.value));
  return { box: node("div", {}, node("label", { for: id }, text), select), select };
}

function render({ model, el }) {
  card(el, SCATTER_LOOK);
  const arms = model.get("arms"), criteria = model.get("criteria"), chance = model.get("chance");
  const layers = model.get("layers").map((layer) => {
    const weight = (code) => ((2 * code) / 65535 - 1) * layer.reach;
    return { ...layer, before: words(layer.before).map(weight), after: words(layer.after).map(weight),
      places: Object.fromEntries(Object.entries(layer.places).map(([name, text]) => [name, words(text)])) };
  });
  const frames = (name = model.get("criterion")) => model.get("frames")[name];
  const at = () => Math.min(model.get("at"), frames().length - 1);
  const small = (value) => String(Number(value.toPrecision(3)));
  const count = (n, keep) => Math.floor(keep * n + 0.5);
  const go = (k) => {
    if (k === model.get("at")) return;
    model.set("at", k);
    model.save_changes();
  };

  // --- what can be chosen
  const criterion = menu("Which weights stay?",
    criteria.map(({ name, says }) => [name, `${name}: ${says}`]),
    (name) => {
      const { keep } = frames()[at()];
      const away = frames(name).map((frame) => Math.abs(frame.keep - keep));
      model.set("criterion", name);
      model.set("at", away.indexOf(Math.min(...away)));
      model.save_changes();
    });
  const layer = menu("Layer in the picture",
    layers.map(({ name, weights }, i) => [i, `${name}, ${number(weights)} weights`]),
    (i) => {
      model.set("layer", Number(i));
      model.save_changes();
    });
  const control = slider(
    "Keep, the fraction of each layer that stays",
    (k) => {
      const { keep, arms: found, mine } = frames()[k];
      const read = arms.map(({ key, name }) => `${name} ${percent(found[key])}`);
      return [`keep ${small(keep)}`,
        `keep ${small(keep)}${mine ? ", measured here" : ""}: ${read.join(", ")}`];
    },
    go,
  );
  const say = node("p", { class: "ws-say" });
  const list = node("ul", { class: "ws-arms" });
  const shape = (arm, more = {}) => node("svg:path", { d: arm.mark, fill: arm.colour, ...more });
  const rows = arms.map((arm) => {
    const value = node("b");
    list.append(node("li", {},
      node("svg:svg", { width: 28, height: 14, viewBox: "-14 -7 28 14", "aria-hidden": "true" },
        node("svg:line", { x1: -14, x2: 14, y1: 0, y2: 0, stroke: arm.colour, "stroke-width": 2 }), shape(arm)),
      node("span", {}, arm.name), value));
    return value;
  });

  // --- the weights: before training across, after it up
  const cloud = node("svg:svg", { role: "img" });
  const cloudBox = node("div", {}, cloud);
  const cloudText = node("figcaption");
  let place = null, left = null, kept = null;
  const sized = (svg, width, height) => {
    svg.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      svg.setAttribute(name, value);
    }
  };
  function drawCloud() {
    const { reach } = layers[model.get("layer")];
    const width = Math.min(Math.floor(cloudBox.clientWidth), 400);
    if (width <= 0) return;
    const power = 10 ** Math.floor(Math.log10(reach / 2));
    const step = [5, 2, 1].map((k) => k * power).find((each) => each <= reach / 2);
    const ticks = [-2, -1, 0, 1, 2].map((k) => k * step).filter((each) => Math.abs(each) <= reach);
    const axis = { low: -reach, high: reach, ticks, write: small };
    sized(cloud, width, width - 14);
    place = axes(cloud, width, width - 14, { ...axis, name: "weight before training" }, axis);
    const { sx, sy } = place;
    const line = (x1, y1, x2, y2, more) => cloud.append(node("svg:line",
      { x1: sx(x1), y1: sy(y1), x2: sx(x2), y2: sy(y2), stroke: "#8c959f", ...more }));
    line(-reach, 0, reach, 0, {});
    line(0, -reach, 0, reach, {});
    line(-reach, -reach, reach, reach, { "stroke-dasharray": "4 3" });
    const dots = (stroke, width) => node("svg:path",
      { stroke, "stroke-width": width, "stroke-linecap": "round", fill: "none" });
    left = dots("#b9c0c8", 3);
    kept = dots(arms[0].colour, 5);
    cloud.append(left, kept);
  }
  function drawPoints({ keep }) {
    const { name, weights, points, before, after, places, unmoved } = layers[model.get("layer")];
    const here = model.get("criterion");
    const limit = (65536 * count(weights, keep)) / weights;
    const stay = places[here].map((each) => each < limit);
    const sum = stay.filter(Boolean).length;
    if (place) {
      const path = (wanted) => before.map((w, i) => stay[i] === wanted
        ? `M${place.sx(w).toFixed(1)} ${place.sy(after[i]).toFixed(1)}h0` : "").join("");
      left.setAttribute("d", path(false));
      kept.setAttribute("d", path(true));
    }
    el.dataset.points = sum;
    cloudText.textContent = `${number(sum)} of the ${number(points)} weights shown here are kept: the large dots. ` +
      "On the dashed line a weight ends where it began; " +
      (unmoved ? `${percent(unmoved)} of this layer never moved at all.` : "but every weight of this layer moved.");
    cloud.setAttribute("aria-label", `Weights of ${name} before training, across, and after it, up. ` +
      `${number(sum)} of ${number(points)} are kept by ${here} at keep ${small(keep)}.`);
  }

  // --- accuracy against keep
  const chart = node("svg:svg", { class: "ws-chart", role: "img" });
  const chartBox = node("div", {}, chart);
  const chartText = node("figcaption");
  let scales = null, marker = null;
  function drawChart() {
    const width = Math.floor(chartBox.clientWidth);
    if (width <= 0) return;
    const height = Math.min(Math.max(width - 14, 240), 386);
    sized(chart, width, height);
    scales = axes(chart, width, height,
      { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], write: small, name: "keep" },
      { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], write: (v) => `${Math.round(100 * v)} %` });
    const { sx, sy } = scales;
    const point = (frame, key) => `${sx(frame.keep).toFixed(1)},${sy(frame.arms[key]).toFixed(1)}`;
    const curve = (found, key, more) => chart.append(node("svg:polyline", { fill: "none", ...more,
      points: found.filter((frame) => !frame.mine).map((frame) => point(frame, key)).join(" ") }));
    for (const { name } of criteria) {
      if (name !== model.get("criterion")) curve(frames(name), arms[0].key, { stroke: "#c4cad1" });
    }
    chart.append(node("svg:line", { x1: sx(0), x2: sx(1), y1: sy(chance), y2: sy(chance),
      stroke: GREY, "stroke-dasharray": "2 3" }));
    for (const arm of [...arms].reverse()) {
      curve(frames(), arm.key, { stroke: arm.colour, "stroke-width": 2 });
      for (const frame of frames()) {
        const hollow = frame.mine ? { fill: "#fff", stroke: arm.colour, "stroke-width": 2 } : { stroke: "#fff" };
        chart.append(shape(arm, { ...hollow, transform: `translate(${point(frame, arm.key)})` }));
      }
    }
    marker = node("svg:g", {});
    chart.append(marker);
  }
  function drawMarker({ keep, arms: found }) {
    if (!marker) return;
    const x = scales.sx(keep), { top, bottom } = scales;
    marker.replaceChildren(
      node("svg:line", { x1: x, x2: x, y1: top, y2: bottom, stroke: INK, "stroke-dasharray": "4 3" }),
      node("svg:path", { d: `M${x - 7} ${bottom + 1}h14l-7 -10z`, fill: INK }),
      ...arms.map((arm) => node("svg:circle", { cx: x, cy: scales.sy(found[arm.key]), r: 8.5,
        fill: "none", stroke: arm.colour, "stroke-width": 2.5 })));
  }
  const drag = (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    const away = frames().map((frame) => Math.abs(scales.sx(frame.keep) - x));
    go(away.lastIndexOf(Math.min(...away)));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    drag(event);
  });
  chart.addEventListener("pointermove", (event) => {
    if (event.buttons) drag(event);
  });

  // --- what changes
  function update() {
    const k = at(), frame = frames()[k], all = layers.reduce((sum, { weights }) => sum + weights, 0);
    const stay = layers.reduce((sum, { weights }) => sum + count(weights, frame.keep), 0);
    Object.assign(el.dataset, { keep: frame.keep, criterion: model.get("criterion"), mine: frame.mine });
    criterion.select.value = model.get("criterion");
    layer.select.value = model.get("layer");
    control.place(k, frames().length);
    say.replaceChildren(node("strong", {}, number(stay)),
      ` of ${number(all)} weights stay as they were drawn, the others are 0.` +
      `${frame.mine ? " Measured here." : ""} Test accuracy without training:`);
    arms.forEach((arm, i) => (rows[i].textContent = percent(frame.arms[arm.key])));
    drawMarker(frame);
    drawPoints(frame);
  }
  function redraw() {
    drawCloud();
    drawChart();
    const name = model.get("criterion");
    const best = arms.map((arm) => {
      const top = frames().reduce((a, b) => (b.arms[arm.key] > a.arms[arm.key] ? b : a));
      return `${arm.name} at most ${percent(top.arms[arm.key])}, at keep ${small(top.keep)}`;
    });
    chart.setAttribute("aria-label", `Test accuracy against keep, by ${name}. ${best.join("; ")}.`);
    const images = model.get("images");
    chartText.textContent = `${images ? `Of ${number(images)} test images. ` : ""}Dotted: one guess for all, ${percent(chance)}.` +
      (criteria.length > 1 ? ` Thin grey: ${arms[0].name}, by the other criteria.` : "") +
      (frames().some((frame) => frame.mine) ? " Hollow: measured here, at a keep you asked for." : "");
    update();
  }

  const two = node("div", { class: "ws-two" },
    node("figure", {}, node("p", { class: "ws-head" }, "Weight after training"), cloudBox, cloudText),
    node("figure", {}, node("p", { class: "ws-head" }, "Test accuracy, untrained"), chartBox, chartText));
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    node("div", { class: "ws-menus" }, criterion.box, layer.box),
    control.box, say, list, two,
  );
  const ask = model.get("live") && meter({ model });
  if (ask) el.append(ask.box);

  const heard = { "change:at": update, "change:criterion": redraw, "change:layer": redraw, "change:frames": redraw };
  for (const [event, call] of Object.entries(heard)) model.on(event, call);
  redraw();
  const stop = whenResized(el, () => {
    two.classList.toggle("ws-wide", el.clientWidth > 560);
    redraw();
  });
  return () => {
    stop();
    ask?.stop();
    for (const [event, call] of Object.entries(heard)) model.off(event, call);
  };
}

// With a kernel: measure at a keep that is not there yet.
function meter({ model }) {
  const input = node("input", { type: "number", min: 0.001, max: 1, step: "any", value: 0.45 });
  const button = node("button", { type: "button" }, "Measure");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "ws-ask" },
    node("label", {}, "Measure this criterion at keep ", input), button, status);
  const ask = () => {
    const keep = Number(input.value);
    if (!(keep > 0 && keep <= 1)) {
      status.textContent = "Keep is above 0 and up to 1.";
      return;
    }
    input.disabled = button.disabled = true;
    status.textContent = `Measuring at keep ${keep} …`;
    model.send({ keep, criterion: model.get("criterion") });
  };
  button.addEventListener("click", ask);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !input.disabled) ask();
  });
  const answered = (message) => {
    input.disabled = button.disabled = false;
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
