// Gammas as a histogram with a threshold that takes features out; accuracy beside as many
// random ones; and what each feature of the first layer makes of one image. State: see
// GammaBars in gamma_bars.py.

const SHUT = "#98a4b0", TINT = "#fbeee6", BAND = "#eff2f4";
const GAMMA_LOOK = `
.course-widget .gb-menus { display: flex; flex-wrap: wrap; gap: 6px 22px; margin-top: 10px; }
.course-widget .gb-say { margin: 8px 0 0 !important; font-size: 15px; font-variant-numeric: tabular-nums; }
.course-widget .gb-say i, .course-widget figcaption i { display: inline-block; width: 11px; height: 11px; margin-right: 4px;
  border-radius: 2px; vertical-align: -1px; }
.course-widget .gb-two { display: grid; gap: 14px 24px; margin-top: 12px; }
.course-widget .gb-two > * { min-width: 0; }
.course-widget .gb-even { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
.course-widget .gb-wide { grid-template-columns: minmax(0, 1fr) 290px; align-items: start; }
.course-widget .gb-head { font-weight: 600; margin: 0 0 4px !important; }
.course-widget figure fieldset { margin: 4px 0 6px; }
.course-widget .gb-part { margin-top: 18px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .gb-part .cw-pick { min-width: 28px; padding: 1px 8px; }
.course-widget .gb-all { display: grid; gap: 2px; margin: 8px 0 6px; }
.course-widget .gb-all button { position: relative; font: inherit; padding: 1px; background: #fff; border: 1px solid ${LINE};
  border-radius: 3px; cursor: pointer; min-height: 24px; min-width: 24px; }
.course-widget .gb-all canvas { width: 100%; aspect-ratio: 1; image-rendering: pixelated; }
.course-widget .gb-all span { display: block; height: 4px; margin-top: 1px; background: ${INK}; transform-origin: left; }
.course-widget .gb-all button[aria-pressed=true] { border-color: ${INK}; box-shadow: 0 0 0 2px ${INK}; z-index: 2; }
.course-widget .gb-all button:focus-visible { outline-offset: 3px; z-index: 3; }
.course-widget .gb-out canvas, .course-widget .gb-out span { opacity: 0.12; filter: grayscale(1); }
.course-widget .gb-out { background: linear-gradient(to top right, #e6e9ec calc(50% - 1px), #8c959f calc(50% - 1px),
  #8c959f calc(50% + 0.5px), #e6e9ec calc(50% + 0.5px)) !important; }
.course-widget .gb-out canvas { background: none; mix-blend-mode: multiply; }
.course-widget .gb-big { display: flex; gap: 12px; align-items: end; }
.course-widget .gb-big canvas { width: 112px; height: 112px; image-rendering: pixelated; border: 1px solid ${LINE}; }
.course-widget .gb-ask { display: flex; flex-wrap: wrap; align-items: end; gap: 8px 14px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .gb-ask label { display: block; font-size: 13px; }
.course-widget .gb-ask input, .course-widget .gb-ask select { display: block; width: 8em; font: inherit; min-height: 32px;
  padding: 3px 6px; color: ${INK}; background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .gb-ask button { font: inherit; min-height: 32px; padding: 3px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .gb-ask button:disabled { background: #6e7781; border-color: #6e7781; cursor: default; }
`;
const BARS = 41, REACH = 3; // bars of the histogram; where an even axis ends

// Two digits that count, and a minus as it is printed.
const written = (value) => String(Number(value.toPrecision(2))).replace("-", "−");
const gammaText = (t) => String(t).replace("-", "−");

// From -1 (brown) over 0 (white) to 1 (blue), as a pixel.
function tint(t) {
  const size = Math.min(Math.abs(t), 1), to = t < 0 ? [166, 62, 10] : [0, 84, 147];
  return to.map((end) => Math.round(255 + size * (end - 255)));
}

// The smallest square that holds all that is drawn in any of the images: [first pixel, side].
function frameOf(images, side) {
  const rows = [], columns = [];
  images.forEach((value, i) => {
    if (value < 0.1) return;
    rows.push(Math.floor((i % (side * side)) / side));
    columns.push(i % side);
  });
  if (!rows.length) return [0, side];
  const [up, left] = [Math.min(...rows), Math.min(...columns)];
  const shown = Math.min(Math.max(Math.max(...rows) - up, Math.max(...columns) - left) + 1, side);
  return [Math.min(up, side - shown) * side + Math.min(left, side - shown), shown];
}

function render({ model, el }) {
  card(el, GAMMA_LOOK);
  const layers = model.get("layers"), names = model.get("names"), side = model.get("side");
  const thresholds = model.get("thresholds"), bend = model.get("bend"), top = model.get("top");
  const F = layers.reduce((a, b) => a + b, 0), H = layers[0], pixels = side * side;
  const weights = Float32Array.from(bytes(model.get("weights")), (byte) => ((byte / 255) * 2 - 1) * top);
  const images = Float32Array.from(bytes(model.get("images")), (byte) => byte / 255);
  const [corner, shown] = frameOf(images, side);
  const runs = () => model.get("runs"), run = () => runs()[model.get("run")];
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const count = (test) => Array.from({ length: F }, (_, j) => j).filter(test).length;
  const out = (j) => run().gone[j] <= model.get("frame");
  const never = (j) => run().on[j] === 0;
  const before = (j, k = model.get("image")) => run().gamma[j] * run().z[k][j] + run().beta[j];
  const gives = (j, k) => Math.max(before(j, k), 0);

  // --- which run, which axis
  const menu = choice("Decay of gamma and beta:",
    runs().map((each, i) => [i, String(each.decay)]).filter(([i]) => !runs()[i].mine), (i) => set({ run: i }));
  const mine = node("div");
  let menuMine;
  function drawMine() {
    const own = runs().map((each, i) => [i, each]).filter(([, each]) => each.mine);
    menuMine = own.length && choice("Trained here:",
      own.map(([i, each]) => [i, `${each.decay}, from ${each.start}`]), (i) => set({ run: i }));
    mine.replaceChildren(...(menuMine ? [menuMine.box] : []));
  }
  const menuAxis = choice("Axis:", [["stretched", "stretched around 0"], ["even", "even"]], (axis) => set({ axis }));
  const menus = node("div", { class: "gb-menus" }, menu.box, mine);

  // --- the threshold
  const control = slider("Take out features whose |gamma| is below",
    (f) => {
      const gone = count((j) => run().gone[j] <= f);
      return [`${thresholds[f]}: ${gone} of ${F} out`,
        `${thresholds[f]}: ${gone} of ${F} features out, ${percent(run().removed[f])} right, ` +
          `${percent(run().random[f][0])} without as many random ones`];
    },
    (f) => set({ frame: f }));
  const say = node("p", { class: "gb-say", "aria-live": "polite" });
  const bars = node("svg:svg", { role: "img" }), barsText = node("figcaption");
  const chart = node("svg:svg", { role: "img" }), chartText = node("figcaption");

  // --- the first layer's features
  const menuImage = choice("Digit:", names.map((name, k) => [k, name]), (k) => set({ image: k }));
  const across = Math.min(10, H);
  const all = node("div", { class: "gb-all", role: "group", "aria-label": "Features of the first layer",
    style: `grid-template-columns: repeat(${across}, minmax(0, 1fr))` });
  const cells = Array.from({ length: H }, (_, j) => {
    const canvas = node("canvas", { width: shown, height: shown, "aria-hidden": "true" });
    const bar = node("span", { "aria-hidden": "true" });
    const button = node("button", { type: "button" }, canvas, bar);
    button.addEventListener("click", () => set({ feature: j }));
    all.append(button);
    return { button, canvas, bar };
  });
  all.addEventListener("keydown", (event) => {
    const at = model.get("feature");
    const to = { ArrowUp: at - across, ArrowDown: at + across, ArrowLeft: at - 1, ArrowRight: at + 1,
      Home: 0, End: H - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 || to >= H) return;
    set({ feature: to });
    cells[to].button.focus();
  });
  const allText = node("figcaption");
  const oneHead = node("p", { class: "gb-head" });
  const picture = node("canvas", { width: shown, height: shown, role: "img" }), pictureText = node("figcaption");
  const hinge = node("svg:svg", { role: "img" }), oneText = node("figcaption");

  function bin(values, axis) {
    const [f, reach] = axis === "even" ? [(g) => g, REACH] : [(g) => Math.asinh(g / bend), stretch()];
    const found = new Array(BARS).fill(0);
    for (const g of values) {
      found[Math.min(Math.max(Math.floor(((f(g) / reach + 1) / 2) * BARS), 0), BARS - 1)]++;
    }
    return found;
  }
  const stretch = () =>
    Math.asinh((1.05 * runs().reduce((most, each) => Math.max(most, ...each.gamma.map(Math.abs), ...each.drawn.map(Math.abs)), 1)) / bend);

  let cut = false; // whether what was before training is higher than the picture
  function drawBars() {
    const width = Math.floor(barsBox.clientWidth), height = 230;
    if (width <= 0) return;
    const axis = model.get("axis"), even = axis === "even", { gamma, drawn } = run();
    const every = bin(gamma, axis), open = bin(gamma.filter((_, j) => !never(j)), axis), first = bin(drawn, axis);
    const tall = Math.max(...every, 1), most = Math.min(Math.max(...first, tall), 2 * tall);
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((each) => most / each <= 5) ?? most;
    const high = Math.ceil(most / step) * step;
    const f = even ? Number : (g) => Math.asinh(g / bend), reach = even ? REACH : stretch();
    const ticks = even ? [-3, -2, -1, 0, 1, 2, 3] : width > 380 ? [-1, -0.1, -0.01, 0, 0.01, 0.1, 1] : [-1, -0.01, 0, 0.01, 1];
    bars.replaceChildren();
    sized(bars, width, height);
    const t = thresholds[model.get("frame")];
    const band = node("svg:rect", { class: "gb-band", fill: BAND });
    bars.append(band);
    const { sx, sy, left, right, top: upper, bottom } = axes(bars, width, height,
      { low: -reach, high: reach, ticks: ticks.map(f),
        write: (u) => gammaText(even ? u : Number((bend * Math.sinh(u)).toPrecision(2))), name: "gamma" },
      { low: 0, high, ticks: Array.from({ length: Math.round(high / step) + 1 }, (_, i) => i * step), write: String });
    const [from, to] = [-t, t].map((g) => sx(Math.min(Math.max(f(g), -reach), reach)));
    for (const [name, value] of Object.entries({ x: from, y: upper, width: Math.max(to - from, 0), height: bottom - upper })) {
      band.setAttribute(name, value);
    }
    const wide = (right - left) / BARS;
    const bar = (i, base, size, fill) => size && bars.append(node("svg:rect", { class: fill === SHUT ? "gb-shut" : "gb-open",
      x: left + i * wide + 0.5, width: Math.max(wide - 1, 1), y: sy(base + size), height: sy(0) - sy(size), fill }));
    every.forEach((whole, i) => {
      bar(i, 0, open[i], BLUE);
      bar(i, open[i], whole - open[i], SHUT);
    });
    const corners = first.flatMap((n, i) => [i, i + 1].map((at) => [left + at * wide, sy(Math.min(n, high))]));
    bars.append(node("svg:polyline", { points: corners.map((at) => at.map((v) => v.toFixed(1)).join(",")).join(" "),
      fill: "none", stroke: INK, "stroke-width": 1.2, "stroke-dasharray": "3 3" }));
    cut = Math.max(...first) > high;
    for (const x of t > 0 ? [from, to] : []) {
      bars.append(node("svg:line", { x1: x, x2: x, y1: upper, y2: bottom, stroke: INK, "stroke-width": 1.5 }));
    }
  }

  function drawChart() {
    const width = Math.floor(chartBox.clientWidth), height = 230, T = thresholds.length;
    if (width <= 0) return;
    const { removed, random } = run(), frame = model.get("frame");
    const far = 40 / (Math.max(width - 66, 1) / Math.max(T - 1, 1)); // as many places apart as a number needs
    const shown = thresholds.map((t, f) => f).filter((f) => f === 0 ||
      (f >= far && Math.abs(Math.log10(thresholds[f]) - Math.round(Math.log10(thresholds[f]))) < 1e-3));
    chart.replaceChildren();
    sized(chart, width, height);
    const { sx, sy, top: upper, bottom } = axes(chart, width, height,
      { low: 0, high: Math.max(T - 1, 1), ticks: shown, write: (f) => String(thresholds[f]), name: "threshold of |gamma|" },
      { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], write: (y) => `${100 * y} %` });
    const points = (list) => list.map(([f, y]) => `${sx(f).toFixed(1)},${sy(y).toFixed(1)}`).join(" ");
    chart.append(
      node("svg:polygon", { fill: TINT, points: points([...random.map((each, f) => [f, each[1]]),
        ...random.map((each, f) => [f, each[2]]).reverse()]) }),
      node("svg:polyline", { class: "gb-random", fill: "none", stroke: WRONG, "stroke-width": 2, "stroke-dasharray": "6 4",
        points: points(random.map((each, f) => [f, each[0]])) }),
      node("svg:polyline", { class: "gb-removed", fill: "none", stroke: BLUE, "stroke-width": 2.5,
        points: points(removed.map((right, f) => [f, right])) }),
      node("svg:line", { x1: sx(frame), x2: sx(frame), y1: upper, y2: bottom, stroke: INK, "stroke-dasharray": "2 3" }),
      node("svg:circle", { cx: sx(frame), cy: sy(random[frame][0]), r: 5.5, fill: WRONG, stroke: INK, "stroke-width": 1.5 }),
      node("svg:circle", { cx: sx(frame), cy: sy(removed[frame]), r: 5.5, fill: BLUE, stroke: INK, "stroke-width": 1.5 }),
    );
  }

  // What each pixel of the image adds to gamma z, feature by feature.
  const adds = (j, i) => (run().gamma[j] / run().spread[j]) * weights[j * pixels + i] * images[model.get("image") * pixels + i];
  function paint(canvas, j, most) {
    const context = canvas.getContext("2d"), data = context.createImageData(shown, shown);
    for (let i = 0; i < shown * shown; i++) {
      const at = corner + side * Math.floor(i / shown) + (i % shown);
      data.data.set([...tint(adds(j, at) / most), 255], 4 * i);
    }
    context.putImageData(data, 0, 0);
  }
  // The size that only two in a hundred of the shares of the kept features exceed.
  function most() {
    const sizes = [];
    for (let j = 0; j < H; j++) {
      if (never(j)) continue;
      for (let i = 0; i < pixels; i++) {
        if (images[model.get("image") * pixels + i] > 0.1) sizes.push(Math.abs(adds(j, i)));
      }
    }
    return sizes.sort((a, b) => a - b)[Math.floor(0.98 * sizes.length)] || 1;
  }

  function drawFeatures() {
    const scale = most(), feature = model.get("feature");
    const strongest = Math.max(...cells.map((_, j) => gives(j)), 1e-9);
    cells.forEach(({ canvas, bar }, j) => {
      paint(canvas, j, scale);
      bar.style.transform = `scaleX(${(gives(j) / strongest).toFixed(3)})`;
    });
    paint(picture, feature, scale);
    drawChoice();
  }

  function drawChoice() {
    const feature = model.get("feature");
    cells.forEach(({ button }, j) => {
      button.className = out(j) ? "gb-out" : "";
      button.tabIndex = j === feature ? 0 : -1;
      button.setAttribute("aria-pressed", j === feature);
      button.setAttribute("aria-label", `feature ${j + 1}: gamma ${written(run().gamma[j])}, gives ${written(gives(j))}` +
        (out(j) ? ", taken out" : ""));
    });
  }

  function drawHinge() {
    const width = Math.floor(oneBox.clientWidth), height = 190;
    if (width <= 0) return;
    const j = model.get("feature"), k = model.get("image"), { z, gamma, beta } = run();
    const own = z.map((row) => row[j]), far = Math.ceil(Math.max(...own.map(Math.abs), 1));
    const high = Math.max(far * Math.abs(gamma[j]) + beta[j], beta[j], 0.5) * 1.05;
    hinge.replaceChildren();
    sized(hinge, width, height);
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].find((each) => high / each <= 4) ?? high;
    const { sx, sy } = axes(hinge, width, height,
      { low: -far, high: far, ticks: [-far, 0, far], write: gammaText, name: "z: its sum, standardised" },
      { low: 0, high, ticks: Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => Number((i * step).toFixed(1))), write: String });
    const line = Array.from({ length: 201 }, (_, i) => -far + (2 * far * i) / 200)
      .map((at) => [at, Math.max(gamma[j] * at + beta[j], 0)]);
    const write = (points) => points.map(([x, y]) => `${sx(x).toFixed(1)},${sy(y).toFixed(1)}`).join(" ");
    const gone = out(j), level = Math.max(beta[j], 0);
    hinge.append(node("svg:polyline", { class: "gb-hinge", points: write(line), fill: "none", stroke: gone ? "#8c959f" : BLUE,
      "stroke-width": 2, ...(gone ? { "stroke-dasharray": "4 4" } : {}) }));
    if (gone) {
      hinge.append(node("svg:polyline", { class: "gb-level", points: write([[-far, level], [far, level]]), fill: "none",
        stroke: INK, "stroke-width": 2.5 }));
    }
    own.forEach((at, other) => {
      if (other !== k) hinge.append(node("svg:circle", { cx: sx(at), cy: sy(gives(j, other)), r: 3.5, fill: "#fff", stroke: MUTED, "stroke-width": 1.5 }));
    });
    hinge.append(node("svg:circle", { class: "gb-here", cx: sx(own[k]), cy: sy(gives(j, k)), r: 5.5, fill: INK }),
      node("svg:text", { x: sx(own[k]), y: sy(gives(j, k)) - 9, "text-anchor": "middle", "font-weight": 700 }, names[k]));
  }

  function place() {
    menu.show(run().mine ? null : model.get("run"));
    if (menuMine) menuMine.show(run().mine ? model.get("run") : null);
    menuAxis.show(model.get("axis"));
    menuImage.show(model.get("image"));
    control.place(model.get("frame"), thresholds.length);
  }

  function write() {
    const frame = model.get("frame"), { removed, random, size, decay, start, draws, gamma, beta, z, on } = run();
    const gone = count(out), shut = count((j) => out(j) && never(j)), asleep = count(never), t = thresholds[frame];
    const [mean, low, high] = random[frame];
    const dot = (fill) => node("i", { style: `background:${fill}` });
    say.replaceChildren(dot(BLUE), `Without ${gone ? `the ${gone} small ones` : "none of them"}: `,
      node("b", {}, percent(removed[frame])),
      gone ? ` (with all ${F}: ${percent(removed[0])})` : "", node("br"),
      dot(WRONG), `Without ${gone ? `${gone} random ones` : "none of them"}: `, node("b", {}, percent(mean)),
      gone && draws > 1 ? ` (${draws} draws, ${percent(low)} to ${percent(high)})` : "", node("br"),
      `Left: ${number(size[frame])} of ${number(size[0])} weights, ${number(2 * (F - gone))} of the ${number(2 * F)} trained numbers.`);
    const even = model.get("axis") === "even";
    barsText.replaceChildren(dot(BLUE), "above 0 for some test digit ", dot(SHUT), `above 0 for none: ${asleep} of ${F}` +
      (gone ? `, and ${shut} of the ${gone} that are out. ` : ". "),
      "A feature that no digit lifts above 0 has no gradient: only decay still moves its gamma. " +
      `Dashed: before training (${start}${cut ? ", cut off above" : ""}). Band: |gamma| below ${t}. ` + (even ? `Beyond ±${REACH}: in the last bars.` : ""));
    bars.setAttribute("aria-label", `Histogram of ${F} gammas, decay ${decay}: ${gone} below ${t} in size; ` +
      `${asleep} features never above 0, ${shut} of them among those below`);
    chartText.textContent = `Accuracy on held-out digits. Solid: without the features of small gamma. ` +
      `Dashed: without as many random ones of each layer, mean and range of ${draws}.`;
    chart.setAttribute("aria-label", `Accuracy against the threshold: from ${percent(removed[0])} at 0 to ${percent(removed.at(-1))} ` +
      `at ${thresholds.at(-1)}; with random ones to ${percent(random.at(-1)[0])}; at ${t} ${percent(removed[frame])} and ${percent(mean)}`);
    const j = model.get("feature"), k = model.get("image"), inside = Array.from({ length: H }, (_, j) => j).filter(out).length;
    allText.textContent = `${H - inside} of the first layer's ${H} features are left; those struck through are out. ` +
      `Weights are random and the same for every decay. Blue pixels push a feature up, brown ones down; ` +
      `the black bar is what it gives the next layer. Click one, or go by the arrow keys.`;
    oneHead.textContent = `Feature ${j + 1}: gamma ${written(gamma[j])}, beta ${written(beta[j])}`;
    picture.setAttribute("aria-label", `What the pixels of the ${names[k]} add to feature ${j + 1}`);
    pictureText.textContent = `This ${names[k]}: z ${written(z[k][j])}, so it gives ${written(gives(j, k))}. ` +
      `Above 0 for ${percent(on[j])} of test digits.`;
    const constant = Math.max(beta[j], 0);
    oneText.textContent = out(j)
      ? `Taken out. With gamma 0 it would give ${written(constant)} for every digit (the level line)` +
        (constant > 0 ? ", and the next layer keeps that as a constant." : ".")
      : `gamma is the slope and beta the shift of the hinge; each dot a digit, black this ${names[k]}.`;
    hinge.setAttribute("aria-label", `Feature ${j + 1} gives relu(${written(gamma[j])} z + ${written(beta[j])}): ` +
      names.map((name, other) => `${written(gives(j, other))} for the ${name}`).join(", "));
    Object.assign(el.dataset, { decay, start, frame, threshold: t, out: gone, shut, never: asleep,
      axis: model.get("axis"), image: k, feature: j, left: H - inside });
  }

  const barsBox = node("figure", {}, node("p", { class: "gb-head" }, "Features by their gamma"), bars, menuAxis.box, barsText);
  const chartBox = node("figure", {}, node("p", { class: "gb-head" }, "Accuracy"), chart, chartText);
  const two = node("div", { class: "gb-two" }, barsBox, chartBox);
  const oneBox = node("figure", {}, oneHead, node("div", { class: "gb-big" }, picture, pictureText), hinge, oneText);
  const features = node("div", { class: "gb-two" }, node("figure", {}, all, allText), oneBox);
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    menus, control.box, say, two,
    node("div", { class: "gb-part" }, node("p", { class: "gb-head" }, "What the first layer makes of a digit"),
      menuImage.box, features),
  );
  const ask = model.get("live") && asker({ model });
  if (ask) el.append(ask.box);
  drawMine();

  const whole = () => {
    place();
    drawBars();
    drawChart();
    drawFeatures();
    drawHinge();
    write();
  };
  const moved = () => {
    place();
    drawBars();
    drawChart();
    drawChoice();
    drawHinge();
    write();
  };
  const fresh = () => {
    drawMine();
    whole();
  };
  const heard = { "change:run": whole, "change:frame": moved, "change:axis": moved, "change:image": whole,
    "change:feature": whole, "change:runs": fresh };
  for (const [event, call] of Object.entries(heard)) model.on(event, call);
  const stop = whenResized(el, () => {
    two.classList.toggle("gb-even", el.clientWidth > 620);
    features.classList.toggle("gb-wide", el.clientWidth > 620);
    whole();
  });
  return () => {
    stop();
    ask?.stop();
    for (const [event, call] of Object.entries(heard)) model.off(event, call);
  };
}

// With a kernel: another decay, another start.
function asker({ model }) {
  const labelled = (text, input) => {
    input.id = `gb-${Math.random().toString(36).slice(2)}`;
    return node("div", {}, node("label", { for: input.id }, text), input);
  };
  const decay = node("input", { type: "number", min: 0, step: "any", value: 0.01 });
  const start = node("select", {}, ...model.get("starts").map((each) => node("option", { value: each }, each)));
  const button = node("button", { type: "button" }, "Train");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "gb-ask" }, labelled("Decay", decay), labelled("Gammas start", start), button, status);
  const every = [decay, start, button];
  const ask = () => {
    const wanted = { decay: Number(decay.value), start: start.value };
    if (!decay.value.trim() || !(wanted.decay >= 0 && wanted.decay < 1)) {
      status.textContent = "A decay is 0 or more and below 1.";
      return;
    }
    every.forEach((each) => (each.disabled = true));
    status.textContent = "Training …";
    model.send(wanted);
  };
  button.addEventListener("click", ask);
  decay.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !decay.disabled) ask();
  });
  const answered = (message) => {
    every.forEach((each) => (each.disabled = false));
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
