// Drag d: how much accuracy, which digits and what landscape a random subspace of
// d directions holds. State: see SubspaceExplorer in subspace.py.

const SUBSPACE_LOOK = `
.course-widget .cw-reading { margin: 0 0 12px; font-size: 15px; }
.course-widget .cw-two { display: grid; gap: 14px 22px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); }
.course-widget .cw-two > :first-child { grid-column: span 1; min-width: 0; }
.course-widget .cw-head { font-weight: 600; color: ${INK}; margin: 0 0 4px; }
.course-widget .cw-key { display: inline-block; margin-right: 14px; white-space: nowrap; }
.course-widget .cw-key svg { display: inline-block; vertical-align: -2px; margin-right: 5px; }
.course-widget .cw-chart > text { paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.course-widget .cw-chart { cursor: pointer; touch-action: pan-y; }
.course-widget .cw-moving { transition: transform .18s ease-out; }
.course-widget .cw-plane { position: relative; width: min(100%, 250px); aspect-ratio: 1;
  border-radius: 4px; overflow: hidden; }
.course-widget .cw-plane canvas, .course-widget .cw-plane svg { position: absolute;
  inset: 0; width: 100%; height: 100%; background: none; }
.course-widget .cw-bar { position: relative; width: min(100%, 250px); height: 10px;
  margin: 8px 0 22px; border-radius: 2px; }
.course-widget .cw-bar i { position: absolute; top: -3px; width: 3px; height: 16px;
  margin-left: -1px; background: ${INK}; border: 0; outline: 1px solid #fff;
  transition: left .18s ease-out; }
.course-widget .cw-bar span { position: absolute; top: 12px; font-size: 12px; color: ${MUTED}; }
.course-widget .cw-digits { display: grid; gap: 8px 6px; list-style: none; margin: 4px 0 16px !important; }
.course-widget .cw-digits li { margin: 0; padding: 4px 2px 3px; text-align: center;
  border: 2px solid ${LINE}; border-radius: 6px; line-height: 1.15; min-width: 0;
  transition: border-color .25s, background-color .25s; }
.course-widget .cw-digits canvas { width: 82%; max-width: 56px; height: auto; margin: 0 auto 2px;
  image-rendering: pixelated; background: none; }
.course-widget .cw-digits strong { font-size: 15px; color: ${RIGHT}; white-space: nowrap; }
.course-widget .cw-digits small { display: block; font-size: 12px; color: ${MUTED}; }
.course-widget .cw-digits .cw-wrong { border-color: ${WRONG}; background: #fdf3ee; }
.course-widget .cw-digits .cw-wrong strong, .course-widget .cw-digits .cw-wrong small {
  color: ${WRONG}; }
.course-widget .cw-train { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .cw-train input { width: 7em; font: inherit; padding: 4px 6px; color: ${INK};
  background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .cw-train button { font: inherit; padding: 4px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .cw-train button:disabled { background: #6e7781; border-color: #6e7781;
  cursor: default; }
@media (prefers-reduced-motion: reduce) { .course-widget * { transition: none !important; } }
`;

function render({ model, el }) {
  card(el, SUBSPACE_LOOK);
  const total = model.get("total");
  const digits = model.get("digits");
  const published = model.get("published");
  const target = model.get("target");
  const dInt90 = model.get("d_int90");
  const labels = digits.labels;
  let frames = model.get("frames");
  let width = 0;

  const index = () => {
    const found = frames.findIndex((frame) => frame.d === model.get("d"));
    return found < 0 ? 0 : found;
  };
  const rightOf = (frame) => frame.predictions.filter((p, i) => p === labels[i]).length;
  const go = (k) => {
    if (frames[k].d === model.get("d")) return;
    model.set("d", frames[k].d);
    model.save_changes();
  };

  // --- the slider and one sentence that says what it found
  const control = slider(
    "Trained numbers d",
    (k) => {
      const { d, mean } = frames[k];
      const spoken = `d = ${number(d)}: ${percent(mean)} of the test digits right, ` +
        `${rightOf(frames[k])} of the ${labels.length} shown`;
      return [`d = ${number(d)}`, spoken];
    },
    go,
  );
  const reading = node("p", { class: "cw-reading" });

  // --- accuracy against d
  const chart = node("svg:svg", { class: "cw-chart", role: "img" });
  const chartBox = node("div", {}, chart);
  const dash = { width: 26, height: 12, "aria-hidden": "true" };
  const ours = node("svg:svg", dash,
    node("svg:line", { x1: 0, x2: 26, y1: 6, y2: 6, stroke: BLUE, "stroke-width": 2 }),
    node("svg:circle", { cx: 13, cy: 6, r: 4, fill: BLUE }));
  const theirs = node("svg:svg", dash,
    node("svg:line", {
      x1: 0, x2: 26, y1: 6, y2: 6, stroke: GREY, "stroke-width": 1.5, "stroke-dasharray": "5 3",
    }));
  const seeds = Math.max(...frames.map((frame) => frame.accuracy.length));
  const chartKey = node("figcaption", {},
    node("span", { class: "cw-key" }, ours, seeds > 1 ? `ours, mean of ${seeds} seeds` : "ours, 1 seed"));
  if (published) chartKey.append(node("span", { class: "cw-key" }, theirs, published.name));

  let scales, marker;
  function drawChart() {
    const height = 250;
    chart.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      chart.setAttribute(name, value);
    }
    const ds = frames.map((frame) => frame.d).concat(dInt90 ?? []);
    const low = Math.min(...ds) / 1.35, high = Math.max(...ds) * 1.35;
    scales = axes(chart, width, height,
      { low, high, log: true, ticks: logTicks(low, high, width - 58), write: number, name: "trained numbers d" },
      { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], write: (v) => `${100 * v} %` });
    const { sx, sy, left, right, top, bottom } = scales;
    const path = (points, style) => chart.append(node("svg:polyline", {
      points: points.map(([x, y]) => `${sx(x).toFixed(1)},${sy(y).toFixed(1)}`).join(" "),
      fill: "none", ...style,
    }));
    const words = []; // written last, with a white rim, so that no line strikes them
    chart.append(node("svg:line", {
      x1: left, x2: right, y1: sy(target.accuracy), y2: sy(target.accuracy),
      stroke: MUTED, "stroke-dasharray": "5 4",
    }));
    words.push(node("svg:text", { x: left + 6, y: sy(target.accuracy) - 6 }, target.name));
    if (dInt90 != null) {
      const x = sx(dInt90);
      chart.append(node("svg:line", { x1: x, x2: x, y1: top, y2: bottom, stroke: MUTED, "stroke-dasharray": "1 4" }));
      chart.append(node("svg:path", { d: `M${x - 6} ${bottom}h12l-6 -9z`, fill: INK }));
      const fits = x - left > 130;
      words.push(node("svg:text", { x: x + (fits ? -9 : 9), y: bottom - 8, "text-anchor": fits ? "end" : "start" },
        "d", node("svg:tspan", { dy: 4, "font-size": 10 }, "int90"),
        node("svg:tspan", { dy: -4 }, ` = ${number(dInt90)}`)));
    }
    if (published) {
      const known = published.d.map((d, i) => [d, published.accuracy[i]]);
      path(known.filter(([d]) => d >= low && d <= high),
        { stroke: GREY, "stroke-width": 1.5, "stroke-dasharray": "5 3" });
    }
    for (const { d, accuracy } of frames) {
      if (accuracy.length < 2) continue;
      for (const a of accuracy) {
        chart.append(node("svg:circle", { cx: sx(d), cy: sy(a), r: 2.2, fill: BLUE, opacity: 0.4 }));
      }
    }
    path(frames.map(({ d, mean }) => [d, mean]), { stroke: BLUE, "stroke-width": 2 });
    for (const { d, mean } of frames) {
      chart.append(node("svg:circle", { cx: sx(d), cy: sy(mean), r: 4, fill: BLUE, stroke: "#fff" }));
    }
    marker = node("svg:g", { class: "cw-moving" },
      node("svg:line", { y1: 12, y2: 400, stroke: BLUE, "stroke-width": 1.5, opacity: 0.5 }),
      node("svg:circle", { r: 9, fill: "#fff", stroke: BLUE, "stroke-width": 3 }),
      node("svg:circle", { r: 4, fill: BLUE }));
    chart.append(node("svg:svg", { width, height: bottom, overflow: "hidden" }, marker), ...words);
  }
  const drag = (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    const away = frames.map((frame) => Math.abs(scales.sx(frame.d) - x));
    go(away.indexOf(Math.min(...away)));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    drag(event);
  });
  chart.addEventListener("pointermove", (event) => {
    if (event.buttons) drag(event);
  });

  // --- the loss around the trained point, one colour scale for every d
  const plane = node("canvas", { width: 240, height: 240, role: "img" });
  const cross = node("svg:svg", { viewBox: "-60 -60 120 120", "aria-hidden": "true" },
    node("svg:circle", { r: 5, fill: "none", stroke: "#000", "stroke-width": 4 }),
    node("svg:circle", { r: 5, fill: "none", stroke: "#fff", "stroke-width": 2 }));
  const square = { x: -4, y: -4, width: 8, height: 8, fill: "none" };
  const start = node("svg:g", {}, // the untrained network
    node("svg:rect", { ...square, stroke: "#000", "stroke-width": 4 }),
    node("svg:rect", { ...square, stroke: "#fff", "stroke-width": 2 }));
  cross.append(start);
  const tick = node("i");
  const bar = node("div", { class: "cw-bar", "aria-hidden": "true" });
  const planeText = node("figcaption");
  const BANDS = 14;
  const range = () => [
    Math.log(Math.min(...frames.map((frame) => frame.loss[1]))),
    Math.log(Math.max(...frames.map((frame) => frame.loss[2]))),
  ];
  const shades = Array.from({ length: BANDS }, (_, k) => viridis(k / (BANDS - 1)));
  function drawBar() {
    const [low, high] = range();
    const stops = shades.map((shade, k) =>
      `rgb(${shade}) ${(100 * k) / BANDS}% ${(100 * (k + 1)) / BANDS}%`);
    bar.style.background = `linear-gradient(to right, ${stops})`;
    bar.replaceChildren(tick,
      node("span", { style: "left:0" }, number(Math.exp(low))),
      node("span", { style: "left:50%;transform:translateX(-50%)" }, "loss, log scale"),
      node("span", { style: "right:0" }, number(Math.exp(high))));
  }
  function drawPlane(frame) {
    const [centre, low, high] = frame.loss;
    const [n, all] = [frame.side, range()];
    const step = Math.log(high / low) / 255;
    const perBand = BANDS / (all[1] - all[0] || 1);
    const value = Float32Array.from(bytes(frame.slice),
      (b) => (Math.log(low) + b * step - all[0]) * perBand);
    const size = plane.width;
    const context = plane.getContext("2d");
    const image = context.createImageData(size, size);
    for (let row = 0; row < size; row++) {
      const v = (row / (size - 1)) * (n - 1), r = Math.min(Math.floor(v), n - 2);
      for (let column = 0; column < size; column++) {
        const u = (column / (size - 1)) * (n - 1), c = Math.min(Math.floor(u), n - 2);
        const at = r * n + c, fu = u - c, fv = v - r;
        const above = value[at] * (1 - fu) + value[at + 1] * fu;
        const below = value[at + n] * (1 - fu) + value[at + n + 1] * fu;
        const band = Math.floor(above * (1 - fv) + below * fv);
        const [red, green, blue] = shades[Math.min(Math.max(band, 0), BANDS - 1)];
        const to = 4 * (row * size + column);
        image.data[to] = red;
        image.data[to + 1] = green;
        image.data[to + 2] = blue;
        image.data[to + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    tick.style.left = `${(100 * (Math.log(centre) - all[0])) / (all[1] - all[0] || 1)}%`;
    start.setAttribute("transform", `translate(${(-60 * frame.start) / frame.extent})`);
    const text = `Ring: the trained point, loss ${number(centre)}. Square: the start, ` +
      `${number(frame.start)} away. Across: the way from one to the other; up: a random ` +
      `direction of the subspace. Loss ${number(low)} to ${number(high)}.`;
    planeText.textContent = text;
    plane.setAttribute("aria-label", `Map of the loss at d = ${frame.d}. ${text}`);
  }

  // --- held-out digits and what the network of this d makes of them
  const pixels = bytes(digits.images);
  const list = node("ul", { class: "cw-digits" });
  const verdicts = labels.map((label, i) => {
    const { height: h, width: w } = digits;
    const canvas = node("canvas", { width: w, height: h, role: "img", "aria-label": `a handwritten ${label}` });
    const context = canvas.getContext("2d");
    const image = context.createImageData(w, h);
    pixels.subarray(i * h * w, (i + 1) * h * w).forEach((ink, k) => {
      image.data.set([31, 35, 40, ink], 4 * k);
    });
    context.putImageData(image, 0, 0);
    const read = node("strong"), truth = node("small");
    const item = node("li", {}, canvas, read, truth);
    list.append(item);
    return (said) => {
      const good = said === label;
      item.className = good ? "" : "cw-wrong";
      read.textContent = `${said} ${good ? "✓" : "✗"}`;
      truth.textContent = good ? "right" : `is ${label}`;
    };
  });
  const tally = node("span");

  // --- what changes when d moves
  function update() {
    const k = index(), frame = frames[k];
    el.dataset.d = frame.d;
    control.place(k, frames.length);
    reading.replaceChildren(
      node("strong", {}, number(frame.d)), ` of ${number(total)} numbers are trained, 1 in ` +
        `${number(total / frame.d)}: the network reads `,
      node("strong", {}, percent(frame.mean)), " of the test digits correctly.");
    if (marker) {
      marker.style.transform = `translate(${scales.sx(frame.d)}px, ${scales.sy(frame.mean)}px)`;
    }
    chart.setAttribute("aria-label", `Test accuracy against d: ` +
      frames.map(({ d, mean }) => `${percent(mean)} at ${number(d)}`).join(", ") +
      `. Line at ${percent(target.accuracy)}: ${target.name}. Now at d = ${number(frame.d)}.`);
    drawPlane(frame);
    frame.predictions.forEach((said, i) => verdicts[i](said));
    tally.textContent = `${rightOf(frame)} of ${labels.length} right`;
  }
  const redraw = () => {
    drawBar();
    if (width) drawChart();
    update();
  };

  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    control.box,
    reading,
    node("p", { class: "cw-head" }, "Digits it has never seen: ", tally),
    list,
    node("div", { class: "cw-two" },
      node("figure", {}, node("p", { class: "cw-head" }, "Test accuracy"), chartBox, chartKey),
      node("figure", {}, node("p", { class: "cw-head" }, "The loss around the solution"),
        node("div", { class: "cw-plane" }, plane, cross), bar, planeText)),
  );
  const train = model.get("live") && trainer({ model, total, frames: () => frames, go });
  if (train) el.append(train.box);

  const framesChanged = () => {
    frames = model.get("frames");
    redraw();
  };
  model.on("change:d", update);
  model.on("change:frames", framesChanged);
  drawBar();
  update();
  const stop = whenResized(chartBox, (now) => {
    width = now;
    list.style.gridTemplateColumns = `repeat(${el.clientWidth > 600 ? 12 : 6}, 1fr)`;
    drawChart();
    update();
  });
  return () => {
    stop();
    train?.stop();
    model.off("change:d", update);
    model.off("change:frames", framesChanged);
  };
}

// With a kernel: train a d that is not there yet. The kernel answers with new frames
// and "done", or with an error that is shown as it is.
function trainer({ model, total, frames, go }) {
  const input = node("input", { type: "number", min: 1, max: total, step: 1, value: 400 });
  const button = node("button", { type: "button" }, "Train");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "cw-train" },
    node("label", {}, "Train another d ", input), button, status);
  const busy = (now) => {
    input.disabled = button.disabled = now;
  };
  const ask = () => {
    const d = Number(input.value);
    const known = frames().findIndex((frame) => frame.d === d);
    if (!Number.isInteger(d) || d < 1 || d > total) {
      status.textContent = `d is a whole number from 1 to ${number(total)}.`;
    } else if (known >= 0) {
      status.textContent = `d = ${number(d)} is trained already.`;
      go(known);
    } else {
      busy(true);
      status.textContent = `Training d = ${number(d)} …`;
      model.send({ train: d });
    }
  };
  button.addEventListener("click", ask);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") ask();
  });
  const answered = (message) => {
    busy(false);
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
