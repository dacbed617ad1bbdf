// Drag two numbers of an embedding: the kernels that a generator writes from it, the
// feature maps that they give, and how well the network reads. State: see
// HypernetExplorer in hypernet.py.

const HYPERNET_LOOK = `
.course-widget .ch-two { display: grid; gap: 14px 22px; margin-top: 6px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); }
.course-widget .ch-head { font-weight: 600; margin: 0 0 4px !important; }
.course-widget .ch-pad { position: relative; width: min(100%, 270px); cursor: crosshair;
  touch-action: none; }
.course-widget .ch-pad canvas { width: 100%; border-radius: 6px; image-rendering: pixelated; }
.course-widget .ch-dot { position: absolute; width: 18px; height: 18px; margin: -9px 0 0 -9px;
  border-radius: 50%; border: 3px solid #fff; box-shadow: 0 0 0 2px ${INK}; background: transparent;
  pointer-events: none; transition: left .1s, top .1s; }
.course-widget .ch-home { position: absolute; left: 50%; top: 50%; width: 9px; height: 9px;
  margin: -4.5px; background: #fff; border: 2px solid ${INK}; pointer-events: none; }
.course-widget .ch-scale { display: flex; justify-content: space-between; width: min(100%, 270px);
  margin: 6px 0 0 !important; font-size: 12px; color: ${MUTED}; }
.course-widget .ch-scale i { flex: 1; height: 10px; margin: 4px 8px; border-radius: 2px; }
.course-widget .ch-mosaic { width: min(100%, 420px); image-rendering: pixelated; border-radius: 4px; }
.course-widget .ch-maps { width: min(100%, 320px); image-rendering: pixelated; border-radius: 4px; }
.course-widget .ch-digits { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 6px; list-style: none; margin: 8px 0 2px !important; max-width: 270px; }
.course-widget .ch-digits li { margin: 0; padding: 3px 2px; text-align: center; line-height: 1.2;
  border: 2px solid ${LINE}; border-radius: 6px; }
.course-widget .ch-digits canvas { width: 80%; margin: 0 auto; image-rendering: pixelated; }
.course-widget .ch-digits strong { color: ${RIGHT}; }
.course-widget .ch-digits .ch-wrong { border-color: ${WRONG}; background: #fdf3ee; }
.course-widget .ch-digits .ch-wrong strong { color: ${WRONG}; }
.course-widget .ch-say { margin: 8px 0 0 !important; font-size: 15px; min-height: 2.8em; }
.course-widget .ch-ask { display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center;
  margin-top: 14px; padding-top: 12px; border-top: 1px solid ${LINE}; }
.course-widget .ch-ask select, .course-widget .ch-ask button { font: inherit; min-height: 32px;
  padding: 3px 8px; border-radius: 4px; border: 1px solid #8c959f; background: #fff; color: ${INK}; }
.course-widget .ch-ask button { color: #fff; background: ${BLUE}; border-color: ${BLUE}; cursor: pointer; }
.course-widget .ch-ask select:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 2px; }
@media (prefers-reduced-motion: reduce) { .course-widget * { transition: none !important; } }
`;

// Blue below zero, white at it, red above: t from -1 to 1.
function signed(t) {
  const size = Math.min(Math.abs(t), 1), end = t < 0 ? [5, 80, 150] : [165, 30, 20];
  return end.map((c) => Math.round(255 + (c - 255) * size));
}

function render({ model, el }) {
  card(el, HYPERNET_LOOK);
  const n = model.get("steps"), reach = model.get("reach"), z = model.get("z");
  const digits = model.get("digits");
  let parts;
  const read = () => {
    parts = {};
    for (const name of ["kernels", "maps"]) {
      const { steps, bytes: texts, shape } = model.get(name);
      parts[name] = {
        shape,
        parts: texts.map((text, i) => Float32Array.from(bytes(text), (b) => (b - 128) * steps[i])),
      };
      // One colour scale wherever the dot stands: the largest of the trained point.
      parts[name].top = 1.3 * parts[name].parts[0].reduce((top, v) => Math.max(top, Math.abs(v)), 1e-9);
    }
  };
  const shift = (k) => (2 * k) / (n - 1) - 1;
  const blend = (name) => {
    const [u, v] = model.get("at").map(shift);
    const [middle, a, b] = parts[name].parts;
    return middle.map((value, i) => value + u * a[i] + v * b[i]);
  };
  const value = (axis) => z[model.get("axes")[axis]] + reach * shift(model.get("at")[axis]);
  const place = ([u, v]) => (n - 1 - v) * n + u;
  const go = (u, v) => {
    const [x, y] = model.get("at");
    if (u === x && v === y) return;
    model.set("at", [u, v]);
    model.save_changes();
  };

  const sliders = [0, 1].map((axis) => {
    const made = slider(
      "",
      () => {
        const shown = `${value(axis).toFixed(2)}`;
        return [shown, `${shown}: ${percent(model.get("accuracy")[place(model.get("at"))])} of the digits right`];
      },
      (k) => {
        const at = [...model.get("at")];
        at[axis] = k;
        go(...at);
      },
    );
    return made;
  });
  const say = node("p", { class: "ch-say", "aria-live": "polite" });

  // --- the plane of the two numbers, coloured by accuracy
  const plane = node("canvas", { width: n, height: n, role: "img" });
  const dot = node("i", { class: "ch-dot" });
  const pad = node("div", { class: "ch-pad" }, plane, node("i", { class: "ch-home" }), dot);
  const low = node("span"), high = node("span"), bar = node("i");
  bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map((t) => `rgb(${viridis(t)})`)})`;
  const key = node("p", { class: "ch-scale", "aria-hidden": "true" }, low, bar, high);
  const drag = (event) => {
    const box = plane.getBoundingClientRect();
    const along = (at, size) => Math.min(Math.max(Math.floor((at / size) * n), 0), n - 1);
    go(along(event.clientX - box.left, box.width), n - 1 - along(event.clientY - box.top, box.height));
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    drag(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.buttons) drag(event);
  });
  function drawPlane() {
    const accuracy = model.get("accuracy");
    const ends = [Math.min(...accuracy), Math.max(...accuracy)];
    const context = plane.getContext("2d"), image = context.createImageData(n, n);
    accuracy.forEach((a, i) => image.data.set([...viridis((a - ends[0]) / (ends[1] - ends[0] || 1)), 255], 4 * i));
    context.putImageData(image, 0, 0);
    [low.textContent, high.textContent] = ends.map(percent);
  }

  // --- tiles (R, C, H, W) of signed numbers with a gap between them
  const mosaic = node("canvas", { class: "ch-mosaic", role: "img" });
  const maps = node("canvas", { class: "ch-maps", role: "img" });
  function drawTiles(canvas, values, rows, columns, h, w, colour) {
    canvas.width = columns * (w + 1) - 1;
    canvas.height = rows * (h + 1) - 1;
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    image.data.fill(217);
    for (let i = 3; i < image.data.length; i += 4) image.data[i] = 255;
    values.forEach((value, i) => {
      const tile = Math.floor(i / (h * w)), y = Math.floor((i % (h * w)) / w), x = i % w;
      const row = Math.floor(tile / columns) * (h + 1) + y, column = (tile % columns) * (w + 1) + x;
      image.data.set(colour(value), 4 * (row * canvas.width + column));
    });
    context.putImageData(image, 0, 0);
  }

  // --- held-out digits and what the network makes of them
  const pixels = bytes(digits.images), side = digits.side;
  const list = node("ul", { class: "ch-digits" });
  const verdicts = digits.labels.map((label, i) => {
    const canvas = node("canvas", { width: side, height: side, role: "img", "aria-label": `a handwritten ${label}` });
    const context = canvas.getContext("2d"), image = context.createImageData(side, side);
    pixels.subarray(i * side * side, (i + 1) * side * side).forEach((ink, k) => image.data.set([31, 35, 40, ink], 4 * k));
    context.putImageData(image, 0, 0);
    const read = node("strong"), item = node("li", {}, canvas, read);
    list.append(item);
    return (said) => {
      item.className = said === label ? "" : "ch-wrong";
      read.textContent = `${said} ${said === label ? "✓" : "✗"}`;
    };
  });

  function draw() {
    const at = model.get("at"), axes = model.get("axes"), here = place(at);
    const accuracy = model.get("accuracy")[here], home = model.get("accuracy")[(n * n - 1) / 2];
    el.dataset.at = at;
    sliders.forEach((each, axis) => {
      each.box.querySelector("label").textContent = `Embedding, number ${axes[axis] + 1}`;
      each.place(at[axis], n);
    });
    dot.style.left = `${(100 * (at[0] + 0.5)) / n}%`;
    dot.style.top = `${(100 * (n - at[1] - 0.5)) / n}%`;
    const still = at.every((k) => k === (n - 1) / 2);
    say.replaceChildren(
      still ? "The trained embedding: the network reads " : "Here the network reads ",
      node("strong", {}, percent(accuracy)), " of the digits",
      still ? "." : `; with the trained embedding, ${percent(home)}.`);
    plane.setAttribute("aria-label", `Accuracy over the two numbers, ${low.textContent} to ${high.textContent}. ` +
      `Now ${percent(accuracy)} at ${value(0).toFixed(2)} and ${value(1).toFixed(2)}; the square is the trained embedding.`);
    const kernels = blend("kernels"), [O, C, k] = parts.kernels.shape;
    drawTiles(mosaic, kernels, O, C, k, k, (v) => signed(v / parts.kernels.top));
    const size = Math.sqrt(kernels.reduce((sum, v) => sum + v * v, 0) / kernels.length);
    mosaic.setAttribute("aria-label", `${O * C} kernels of ${k} by ${k}, of size ${number(size)} on average`);
    const features = blend("maps"), [M, H, W] = parts.maps.shape;
    const columns = Math.ceil(Math.sqrt(M)), top = parts.maps.top;
    drawTiles(maps, features, Math.ceil(M / columns), columns, H, W, (v) => {
      const ink = Math.round(255 * (1 - Math.min(Math.max(v / top, 0), 1)));
      return [ink, ink, ink];
    });
    const silent = Array.from({ length: M }, (_, m) => features.subarray(m * H * W, (m + 1) * H * W))
      .filter((map) => map.every((v) => v <= 0)).length;
    maps.setAttribute("aria-label", `${M} feature maps of the first digit, ${silent} of them zero everywhere`);
    model.get("said")[here].forEach((said, i) => verdicts[i](said));
  }

  const figure = (head, picture, text) => node("figure", {}, node("p", { class: "ch-head" }, head), picture,
    node("figcaption", {}, text));
  const [O, C, k] = model.get("kernels").shape, M = model.get("maps").shape[0];
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    sliders[0].box, sliders[1].box, say,
    node("div", { class: "ch-two" },
      node("figure", {}, node("p", { class: "ch-head" }, "Accuracy over the two numbers"), pad, key,
        node("figcaption", {}, "Drag the ring. Square: the trained embedding.")),
      node("figure", {}, node("p", { class: "ch-head" }, "Digits it has never seen"), list,
        node("figcaption", {}, "What the network reads at the ring.")),
      figure(`All ${O * C} generated kernels`, mosaic,
        `A row for each of ${O} channels out, ${k} × ${k} each. Red above zero, blue below.`),
      figure("Feature maps of the first digit", maps, `What the ${M} channels see, after ReLU.`)),
  );
  const ask = model.get("live") && chooser({ model, count: z.length });
  if (ask) el.append(ask.box);

  const changed = () => {
    read();
    drawPlane();
    draw();
  };
  model.on("change:at", draw);
  // `said` is the last of the names that Python sets.
  model.on("change:said", changed);
  changed();
  return () => {
    model.off("change:at", draw);
    model.off("change:said", changed);
    ask?.stop();
  };
}

// With a kernel: another two numbers of the embedding.
function chooser({ model, count }) {
  const selects = [0, 1].map((axis) => {
    const select = node("select", { "aria-label": axis ? "Second number" : "First number" });
    for (let k = 0; k < count; k++) select.append(node("option", { value: k }, `number ${k + 1}`));
    select.value = model.get("axes")[axis];
    return select;
  });
  const button = node("button", { type: "button" }, "Measure");
  const status = node("span", { role: "status" });
  const box = node("div", { class: "ch-ask" }, "Move ", selects[0], " and ", selects[1], button, status);
  button.addEventListener("click", () => {
    const axes = selects.map((select) => Number(select.value));
    if (axes[0] === axes[1]) {
      status.textContent = "Choose two different numbers.";
      return;
    }
    button.disabled = true;
    status.textContent = "Measuring …";
    model.send({ axes });
  });
  const answered = (message) => {
    button.disabled = false;
    status.textContent = message.error ?? "Done.";
  };
  model.on("msg:custom", answered);
  return { box, stop: () => model.off("msg:custom", answered) };
}

export default { render };
