// Breed pictures: pick the one you like, and it has the next generation. State: see
// PictureBreeder in breeding.py. A picture is a small graph that is run for each pixel
// here, so it can be painted at any size.

const BEND = [Math.sin, (x) => Math.exp(-x * x), Math.tanh, Math.abs, (x) => x];

// Runs a genome, as `shown` in breeding.py writes it, for a picture of size x size.
function paint([bends, links], size, mirror) {
  const ink = new Float64Array(size * size);
  const values = new Float64Array(4 + bends.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const across = (2 * column + 1) / size - 1;
      values[0] = mirror ? Math.abs(across) : across;
      values[1] = (2 * row + 1) / size - 1;
      values[2] = Math.hypot(values[0], values[1]);
      values[3] = 1;
      bends.forEach((bend, k) => {
        let total = 0;
        const from = links[k];
        for (let i = 0; i < from.length; i += 2) total += from[i + 1] * values[from[i]];
        values[4 + k] = BEND[bend](total);
      });
      ink[row * size + column] = values[values.length - 1];
    }
  }
  return ink;
}

// From night through water to sand, brighter step by step; t from 0 to 1. A picture is
// stretched over all of it, from its darkest pixel to its brightest.
const SAND = [[14, 19, 56], [29, 66, 120], [48, 126, 148], [131, 178, 146], [232, 196, 116], [255, 240, 208]];
function shade(t) {
  const at = Math.min(Math.max(t, 0), 1) * (SAND.length - 1);
  const k = Math.min(Math.floor(at), SAND.length - 2);
  return SAND[k].map((low, i) => Math.round(low + (at - k) * (SAND[k + 1][i] - low)));
}

const BREEDING_LOOK = `
.course-widget .cb-stage { display: grid; gap: 14px 18px; margin-top: 10px;
  grid-template-columns: minmax(0, 1fr); }
.course-widget .cb-stage.cb-wide { grid-template-columns: 232px minmax(0, 1fr); }
.course-widget canvas { width: 100%; height: auto; image-rendering: pixelated;
  border-radius: 6px; }
.course-widget .cb-parent { max-width: 232px; }
.course-widget .cb-head { font-weight: 600; margin: 0 0 6px !important; }
.course-widget .cb-litter { display: grid; gap: 10px; list-style: none;
  grid-template-columns: repeat(3, minmax(0, 1fr)); }
.course-widget .cb-litter li, .course-widget .cb-line li { margin: 0; padding: 0; }
.course-widget .cb-pick { display: block; width: 100%; padding: 4px; background: #fff;
  border: 2px solid ${LINE}; border-radius: 10px; cursor: pointer; font: 13px system-ui,
  sans-serif; color: ${INK}; transition: border-color .15s; }
.course-widget .cb-pick:hover { border-color: ${BLUE}; }
.course-widget .cb-pick span { display: block; margin-top: 3px; }
.course-widget .cb-line { display: flex; flex-wrap: wrap; gap: 6px; list-style: none;
  margin: 8px 0 0 !important; align-items: center; }
.course-widget .cb-line .cb-pick { width: 46px; padding: 2px; border-radius: 7px; }
.course-widget .cb-line [aria-current] { border-color: ${BLUE}; }
.course-widget .cb-say { min-height: 2.8em; margin: 8px 0 0 !important; }
.course-widget .cb-tick { display: inline-flex; gap: 8px; align-items: center;
  min-height: 32px; cursor: pointer; }
.course-widget .cb-tick input { width: 18px; height: 18px; accent-color: ${BLUE}; margin: 0; }
.course-widget .cb-more { font: inherit; min-height: 32px; padding: 3px 14px; color: #fff;
  background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px; cursor: pointer; }
@media (prefers-reduced-motion: reduce) { .course-widget * { transition: none !important; } }
`;

function render({ model, el }) {
  card(el, BREEDING_LOOK);
  const sizes = model.get("sizes");
  const genome = (i) => model.get("genomes")[i];
  const choose = (i) => {
    if (i === model.get("chosen")) return;
    model.set("chosen", i);
    model.save_changes();
  };
  const line = () => {
    const back = [];
    for (let i = model.get("chosen"); i >= 0; i = model.get("parents")[i]) back.unshift(i);
    return back;
  };
  const nodes = (i) => genome(i)[0].length - 1;
  const links = (i) => genome(i)[1].reduce((sum, into) => sum + into.length / 2, 0);
  const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const words = (i) => `${many(nodes(i), "node")}, ${many(links(i), "link")}`;

  function picture(i, size) {
    const canvas = node("canvas", { width: size, height: size, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const image = context.createImageData(size, size);
    const ink = paint(genome(i), size, model.get("mirror"));
    const low = Math.min(...ink), span = Math.max(...ink) - low || 1;
    ink.forEach((value, k) => image.data.set([...shade((value - low) / span), 255], 4 * k));
    context.putImageData(image, 0, 0);
    return canvas;
  }
  function pick(i, name, size, text) {
    const button = node("button", { type: "button", class: "cb-pick", "aria-label": name },
      picture(i, size), ...(text ? [node("span", { "aria-hidden": "true" }, text)] : []));
    button.addEventListener("click", () => choose(i));
    return node("li", {}, button);
  }

  const control = slider(
    "Pixels on a side",
    (k) => [`${sizes[k]}`, `${sizes[k]} pixels on a side`],
    (k) => {
      model.set("size", k);
      model.save_changes();
    },
  );
  const tick = node("input", { type: "checkbox" });
  tick.addEventListener("change", () => {
    model.set("mirror", tick.checked);
    model.save_changes();
  });
  const mirror = node("label", { class: "cb-tick" }, tick, "Give it |x| in place of x");
  const parent = node("div", { role: "img" });
  const about = node("p", { class: "cw-note" });
  const lineage = node("ul", { class: "cb-line", "aria-label": "Ancestors, the oldest first" });
  const head = node("p", { class: "cb-head" });
  const litter = node("ul", { class: "cb-litter" });
  const say = node("p", { class: "cb-say", role: "status" });
  const more = node("button", { type: "button", class: "cb-more" }, "Breed on");
  more.addEventListener("click", () => {
    more.disabled = true;
    model.send({ breed: model.get("chosen") });
  });
  const stage = node("div", { class: "cb-stage" },
    node("div", { class: "cb-parent" }, node("p", { class: "cb-head" }, "Chosen"), parent, about,
      lineage),
    node("div", {}, head, litter));

  function draw() {
    const chosen = model.get("chosen"), size = sizes[model.get("size")];
    const offspring = model.get("children")[chosen];
    const kept = el.contains(document.activeElement) && document.activeElement.closest(".cb-pick");
    control.place(model.get("size"), sizes.length);
    tick.checked = model.get("mirror");
    el.dataset.chosen = chosen;
    el.dataset.size = size;
    parent.replaceChildren(picture(chosen, size));
    parent.setAttribute("aria-label", `The chosen picture, ${size} by ${size} pixels, from ${words(chosen)}`);
    about.textContent = `${words(chosen)} (inputs and output not counted), asked ${(size * size).toLocaleString("en-US")} times`;
    const past = line();
    lineage.replaceChildren(...past.map((i, k) => {
      const item = pick(i, `Back to generation ${k}`, 24);
      if (i === chosen) item.firstChild.setAttribute("aria-current", "true");
      return item;
    }));
    head.textContent = offspring.length ? `Its children, generation ${past.length}: pick one` : "No children yet";
    litter.replaceChildren(...offspring.map((i, k) =>
      pick(i, `Picture ${k + 1} of ${offspring.length}: ${words(i)}`, Math.min(size, 96), words(i))));
    const live = model.get("live");
    more.hidden = !live || offspring.length > 0;
    more.disabled = false;
    say.textContent = offspring.length
      ? `Generation ${past.length - 1}. A child is its parent after four mutations.`
      : live
        ? "These children are bred by Python when you ask for them."
        : `Generation ${past.length - 1} is the last that this page holds: go back to an ancestor, or run the notebook to breed on.`;
    if (kept && !document.activeElement?.closest(".cb-pick")) {
      (litter.querySelector("button") ?? lineage.lastChild.firstChild).focus();
    }
  }

  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    control.box, mirror, stage, say, more,
  );
  const answered = (message) => {
    more.disabled = false;
    if (message.error) say.textContent = message.error;
  };
  const heard = ["chosen", "size", "mirror", "children"];
  for (const name of heard) model.on(`change:${name}`, draw);
  if (model.get("live")) model.on("msg:custom", answered);
  const stop = whenResized(el, (width) => stage.classList.toggle("cb-wide", width >= 620));
  draw();
  return () => {
    stop();
    for (const name of heard) model.off(`change:${name}`, draw);
    if (model.get("live")) model.off("msg:custom", answered);
  };
}

export default { render, paint };
