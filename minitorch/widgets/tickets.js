// Drag keep: the accuracy of a lottery ticket and its controls, and how many weights of
// the first layer are left behind each pixel. State: see TicketLadder in tickets.py.

const TICKETS_LOOK = `
.course-widget .ct-two { display: grid; gap: 14px 22px; margin-top: 10px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 230px), 1fr)); }
.course-widget .ct-two > * { min-width: 0; }
.course-widget .ct-wide { grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr); }
.course-widget .ct-head { font-weight: 600; margin: 0 0 4px !important; }
.course-widget .ct-chart { cursor: pointer; touch-action: pan-y; }
.course-widget .ct-say { margin: 0 0 6px !important; font-size: 15px; }
.course-widget .ct-arms { display: grid; gap: 2px 18px; list-style: none; margin: 0 !important;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.course-widget .ct-arms li { display: flex; align-items: center; gap: 7px; margin: 0;
  font-variant-numeric: tabular-nums; }
.course-widget .ct-arms svg { flex: none; }
.course-widget .ct-arms span { flex: 1; }
.course-widget .ct-arms small { font-size: 12.5px; color: ${MUTED}; min-width: 7.6em; text-align: right; }
.course-widget .ct-picture { width: min(100%, 252px); image-rendering: pixelated; border-radius: 4px; }
.course-widget .ct-bar { position: relative; width: min(100%, 252px); height: 10px;
  margin: 8px 0 22px; border-radius: 2px; }
.course-widget .ct-bar span { position: absolute; top: 11px; font-size: 12px; color: ${MUTED};
  transform: translateX(-50%); }
.course-widget .ct-bar span:first-child { transform: none; }
.course-widget .ct-bar span:last-child { transform: translateX(-100%); }
.course-widget .ct-ask { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 10px;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .ct-ask input { width: 7em; font: inherit; padding: 4px 6px; color: ${INK};
  background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .ct-ask button { font: inherit; padding: 4px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
.course-widget .ct-ask button:disabled { background: #6e7781; border-color: #6e7781; cursor: default; }
`;

// Greys of matplotlib in nine stops, as the chapter's tiles: t from 0 (white) to 1 (black).
const GREYS = [255, 240, 217, 189, 150, 115, 82, 37, 0];
function shade(t) {
  const at = t * (GREYS.length - 1), k = Math.min(Math.floor(at), GREYS.length - 2);
  return Array(3).fill(Math.round(GREYS[k] + (at - k) * (GREYS[k + 1] - GREYS[k])));
}

function render({ model, el }) {
  card(el, TICKETS_LOOK);
  const weights = model.get("weights"), arms = model.get("arms"), picture = model.get("picture");
  const frames = () => model.get("frames");
  const at = () => Math.min(model.get("at"), frames().length - 1);
  const small = (keep) => String(Number(keep.toPrecision(3)));
  const go = (k) => {
    if (k === model.get("at")) return;
    model.set("at", k);
    model.save_changes();
  };

  // --- the slider, and what it found
  const control = slider(
    "Keep, the fraction of the weights that stay",
    (k) => {
      const { keep, kept, arms: found, mine } = frames()[k];
      const read = arms.filter(({ key }) => found[key]).map(({ key, name }) => `${name} ${percent(found[key][0])}`);
      return [
        `keep ${small(keep)}`,
        `keep ${small(keep)}${mine ? ", trained here" : ""}: ${number(kept)} weights; ${read.join(", ")}`,
      ];
    },
    go,
  );
  const say = node("p", { class: "ct-say" });
  const list = node("ul", { class: "ct-arms" });
  const shape = (arm, more = {}) => node("svg:path", { d: arm.mark, fill: arm.colour, ...more });
  const rows = arms.map((arm) => {
    const swatch = node("svg:svg", { width: 28, height: 14, viewBox: "-14 -7 28 14", "aria-hidden": "true" },
      node("svg:line", { x1: -14, x2: 14, y1: 0, y2: 0, stroke: arm.colour, "stroke-width": 2 }), shape(arm));
    const value = node("b"), spread = node("small");
    list.append(node("li", {}, swatch, node("span", {}, arm.name), value, spread));
    return (found) => {
      value.textContent = found ? percent(found[0]) : "";
      const wide = found && found[2] > found[1];
      spread.textContent = !found ? "not run" : wide ? `${(100 * found[1]).toFixed(1)} to ${percent(found[2])}` : "one run";
    };
  });

  // --- accuracy against keep
  const chart = node("svg:svg", { class: "ct-chart", role: "img" });
  const chartBox = node("div", {}, chart);
  const chartText = node("figcaption");
  let width = 0, scales, marker;
  const FLOOR = 0.001;
  const error = (accuracy) => Math.max(1 - accuracy, FLOOR);
  const known = (arm) => frames().filter((frame) => frame.arms[arm.key] && !frame.mine);
  function drawChart() {
    const height = 300;
    chart.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      chart.setAttribute(name, value);
    }
    const keeps = frames().map((frame) => frame.keep);
    const low = Math.min(...keeps) / 1.25, high = Math.max(...keeps) * 1.25;
    const [worst, best] = model.get("errors");
    scales = axes(chart, width, height,
      { low, high, log: true, ticks: logTicks(low, high, width - 66), write: small, name: "keep" },
      { low: worst, high: best, log: true, ticks: model.get("ticks").filter((e) => e <= worst && e >= best),
        write: (e) => `${number(100 * (1 - e))} %` });
    const { sx, sy, top, bottom } = scales;
    const point = (keep, accuracy) => `${sx(keep).toFixed(1)},${sy(error(accuracy)).toFixed(1)}`;
    for (const arm of arms) {
      const there = known(arm).map((frame) => [frame.keep, ...frame.arms[arm.key]]);
      if (there.some(([, , from, to]) => to > from)) {
        chart.append(node("svg:polygon", { fill: arm.colour, opacity: 0.14,
          points: [...there.map(([keep, , from]) => point(keep, from)),
            ...there.map(([keep, , , to]) => point(keep, to)).reverse()].join(" ") }));
      }
    }
    // The first arm is the ticket: it is drawn last, on top of the others.
    for (const arm of [...arms].reverse()) {
      chart.append(node("svg:polyline", { fill: "none", stroke: arm.colour, "stroke-width": 2,
        points: known(arm).map((frame) => point(frame.keep, frame.arms[arm.key][0])).join(" ") }));
      for (const frame of frames()) {
        const found = frame.arms[arm.key];
        if (!found) continue;
        const hollow = frame.mine ? { fill: "#fff", stroke: arm.colour, "stroke-width": 2 } : { stroke: "#fff" };
        chart.append(shape(arm, { ...hollow, transform: `translate(${point(frame.keep, found[0])})` }));
      }
    }
    marker = node("svg:g", {});
    chart.append(marker);
    marker.top = top;
    marker.bottom = bottom;
  }
  function drawMarker({ keep, arms: found }) {
    if (!marker) return;
    const x = scales.sx(keep);
    marker.replaceChildren(
      node("svg:line", { x1: x, x2: x, y1: marker.top, y2: marker.bottom, stroke: INK, "stroke-dasharray": "4 3" }),
      node("svg:path", { d: `M${x - 7} ${marker.bottom + 1}h14l-7 -10z`, fill: INK }),
      ...arms.filter((arm) => found[arm.key]).map((arm) => node("svg:circle", {
        cx: x, cy: scales.sy(error(found[arm.key][0])), r: 8.5, fill: "none", stroke: arm.colour, "stroke-width": 2.5,
      })));
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

  // --- weights behind each pixel, from 0 to the most that any pixel has at this keep
  const { height: h, width: w } = picture;
  const canvas = node("canvas", { class: "ct-picture", width: w, height: h, role: "img" });
  const pictureText = node("figcaption");
  const bar = node("div", { class: "ct-bar", "aria-hidden": "true" });
  bar.style.background = `linear-gradient(to right, ${Array.from({ length: 13 }, (_, k) => `rgb(${shade(k / 12)})`)})`;
  function drawPicture({ keep, pixels, mine }) {
    const context = canvas.getContext("2d"), image = context.createImageData(w, h);
    if (!pixels) {
      context.putImageData(image, 0, 0);
      bar.replaceChildren();
      pictureText.textContent = "This run came without a picture.";
      canvas.setAttribute("aria-label", pictureText.textContent);
      return;
    }
    const raw = bytes(pixels);
    const counts = Array.from({ length: h * w }, (_, i) => raw[2 * i] + 256 * raw[2 * i + 1]);
    const none = counts.filter((count) => !count).length;
    const top = counts.reduce((a, b) => Math.max(a, b), 0);
    counts.forEach((count, i) => image.data.set([...shade(count / (top || 1)), 255], 4 * i));
    context.putImageData(image, 0, 0);
    bar.replaceChildren(node("span", { style: "left:0" }, "0"), node("span", { style: "left:100%" }, number(top)));
    pictureText.textContent = `Dark: many, at most ${number(top)} behind a pixel. ` + (none
      ? `Nothing reads ${number(none)} of the ${number(h * w)} pixels. `
      : "Every pixel is still read. ") + `${mine ? "Trained here." : picture.of}`;
    canvas.setAttribute("aria-label", `Weights of the first layer left behind each pixel at keep ${small(keep)}. ` +
      pictureText.textContent);
  }

  // --- what changes when keep moves
  function update() {
    const k = at(), frame = frames()[k];
    el.dataset.keep = frame.keep;
    el.dataset.mine = frame.mine;
    control.place(k, frames().length);
    say.replaceChildren(
      node("strong", {}, number(frame.kept)), ` of ${number(weights)} weights are left, `,
      node("strong", {}, `1 in ${number(weights / Math.max(frame.kept, 1))}`),
      frame.mine ? "; trained here, one run:" : ". Test accuracy:");
    rows.forEach((row, i) => row(frame.arms[arms[i].key]));
    drawMarker(frame);
    drawPicture(frame);
  }
  function redraw() {
    if (width) drawChart();
    const ends = arms.map((arm) => {
      const there = known(arm), [a, b] = [there[0], there[there.length - 1]];
      return `${arm.name}: ${percent(a.arms[arm.key][0])} at keep ${small(a.keep)}, ` +
        `${percent(b.arms[arm.key][0])} at ${small(b.keep)}`;
    });
    chart.setAttribute("aria-label", `Test accuracy against keep. ${ends.join("; ")}.`);
    const seeds = [...new Set(arms.map((arm) => arm.seeds))].sort((a, b) => a - b);
    const most = seeds[seeds.length - 1];
    chartText.textContent = "The scale is that of the errors: halving them is the same step everywhere." +
      (most > 1 ? ` Bands: 95 % intervals over ${seeds.join(" or ")} seeds.` : "") +
      (frames().some((frame) => frame.mine) ? " Hollow: trained here, with your settings." : "");
    update();
  }

  const two = node("div", { class: "ct-two" },
    node("figure", {}, node("p", { class: "ct-head" }, "Test accuracy"), chartBox, chartText),
    node("figure", {}, node("p", { class: "ct-head" }, "Weights left behind each pixel"),
      canvas, bar, pictureText));
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    control.box, say, list, two,
  );
  const ask = model.get("live") && runner({ model });
  if (ask) el.append(ask.box);

  model.on("change:at", update);
  model.on("change:frames", redraw);
  redraw();
  const stop = whenResized(el, () => {
    two.classList.toggle("ct-wide", el.clientWidth > 620);
    width = Math.floor(chartBox.clientWidth);
    redraw();
  });
  return () => {
    stop();
    ask?.stop();
    model.off("change:at", update);
    model.off("change:frames", redraw);
  };
}

// With a kernel: train at a keep that is not there yet.
function runner({ model }) {
  const input = node("input", { type: "number", min: 0.001, max: 1, step: "any", value: 0.05 });
  const button = node("button", { type: "button" }, "Train");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "ct-ask" },
    node("label", {}, "Train a ticket and a control at keep ", input), button, status);
  const ask = () => {
    const keep = Number(input.value);
    if (!(keep > 0 && keep <= 1)) {
      status.textContent = "Keep is above 0 and up to 1.";
      return;
    }
    input.disabled = button.disabled = true;
    status.textContent = `Training at keep ${keep} …`;
    model.send({ train: keep });
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
