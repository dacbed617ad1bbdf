// Steps through the forward and backward pass of small expressions. All numbers come
// from Python; this file draws the graph as far as the step has come.
const TAPE_LOOK = `
.course-widget .ct-top { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; }
.course-widget select, .course-widget .ct-leaves input { font: inherit; padding: 4px 6px;
  color: ${INK}; background: #fff; border: 1px solid #8c959f; border-radius: 4px; }
.course-widget select { max-width: 100%; }
.course-widget select:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 2px; }
.course-widget .ct-leaves { display: flex; flex-wrap: wrap; gap: 6px 12px; margin-top: 8px; }
.course-widget .ct-leaves input { width: 6em; margin-left: 4px; }
.course-widget .ct-words { min-height: 5.6em; margin-top: 6px !important; }
.course-widget .ct-key { font-size: 13px; color: ${MUTED}; margin-top: 4px !important; }
.course-widget svg .ct-value { fill: ${BLUE}; }
.course-widget svg .ct-grad { fill: ${WRONG}; font-weight: 600; }
.course-widget svg .ct-op { fill: ${MUTED}; }
`;

function render({ model, el }) {
  card(el, TAPE_LOOK);
  let width = 0;
  const graph = () => model.get("graphs")[model.get("chosen")];
  const go = (step) => {
    model.set("step", step);
    model.save_changes();
    draw();
  };

  const id = `ct-${Math.random().toString(36).slice(2)}`;
  const select = node("select", { id });
  model.get("graphs").forEach((each, i) => select.append(node("option", { value: i }, each.name)));
  select.addEventListener("change", () => {
    model.set("chosen", Number(select.value));
    model.set("step", 0);
    model.save_changes();
    drawLeaves();
    draw();
  });
  const control = slider(
    "Step",
    (k) => {
      const now = graph().steps[k];
      const way = now.back ? "backward" : "forward";
      return [`${k + 1} of ${graph().steps.length}, ${way}`, `step ${k + 1}, ${way}: ${now.words}`];
    },
    go,
  );
  const words = node("p", { class: "ct-words", "aria-live": "polite" });
  const picture = node("svg:svg", { role: "img" });
  const box = node("div", {}, picture);
  const leaves = node("div", { class: "ct-leaves" });
  const key = node("p", { class: "ct-key" },
    "Blue: values, which come on the way forward. Red, after “grad” or ∇: gradients of the last value, ",
    "which come on the way back.");
  el.append(
    node("p", { class: "cw-title" }, "A tape, forward and back"),
    node("div", { class: "ct-top" }, node("label", { for: id }, "Expression"), select),
    leaves, control.box, words, box, key,
  );

  // With a kernel: the numbers that the expression starts from.
  function drawLeaves() {
    leaves.replaceChildren();
    if (!model.get("live")) return;
    for (const [name, value] of Object.entries(graph().leaves)) {
      const many = Array.isArray(value);
      const input = node("input", { value: many ? value.join(" ") : value, inputmode: "decimal" });
      input.addEventListener("change", () => {
        const numbers = input.value.trim().split(/[\s,]+/).map(Number);
        const changed = { ...graph().leaves, [name]: many ? numbers : numbers[0] };
        model.send({ graph: model.get("chosen"), leaves: changed });
      });
      leaves.append(node("label", {}, name, input));
    }
  }

  // Where each node stands: one row for each level, leaves at the top.
  function places(nodes) {
    const levels = [...new Set(nodes.map((each) => each.level))].sort((a, b) => a - b);
    const rows = levels.map((level) => nodes.filter((each) => each.level === level));
    const place = new Map();
    rows.forEach((row, k) => row.forEach((each, i) =>
      place.set(each, { x: (width * (i + 0.5)) / row.length, y: 34 + 78 * k })));
    return [place, 78 * rows.length + 4];
  }

  function draw() {
    const { nodes, steps } = graph();
    const step = Math.min(model.get("step"), steps.length - 1), now = steps[step];
    control.place(step, steps.length);
    select.value = model.get("chosen");
    words.textContent = now.words;
    el.dataset.step = step;
    if (!width) return;
    const [place, height] = places(nodes);
    picture.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      picture.setAttribute(name, value);
    }
    const seen = steps.slice(0, step + 1);
    const hasValue = (i) => seen.some((each) => each.node === i);
    const hasGrad = (i) => seen.some((each) => each.back && each.node === i);
    const told = nodes.map((each, i) => each.name +
      (hasValue(i) ? ` = ${each.value}` : " not yet") + (hasGrad(i) ? `, gradient ${each.grad}` : ""));
    picture.setAttribute("aria-label", told.join("; "));
    nodes.forEach((each, i) => each.parents.forEach((p, k) => {
      const from = place.get(nodes[p]), to = place.get(each);
      const twice = each.parents.indexOf(p) !== each.parents.lastIndexOf(p);
      const shift = twice ? (k ? 9 : -9) : 0;
      const active = now.node === i && each.parents.length;
      picture.append(node("svg:line", {
        x1: from.x + shift, y1: from.y + 27, x2: to.x + shift, y2: to.y - 27,
        stroke: active ? (now.back ? WRONG : BLUE) : "#8c959f", "stroke-width": active ? 3 : 1.2,
        "stroke-dasharray": active && now.back ? "7 4" : "none",
      }));
    }));
    const fullest = Math.max(...nodes.map((each) => nodes.filter((n) => n.level === each.level).length));
    const half = Math.min(66, width / fullest / 2 - 3);
    nodes.forEach((each, i) => {
      const { x, y } = place.get(each);
      const here = now.node === i;
      picture.append(node("svg:rect", {
        x: x - half, y: y - 27, width: 2 * half, height: 54, rx: 8, fill: "#fff",
        stroke: here ? (now.back ? WRONG : BLUE) : "#8c959f", "stroke-width": here ? 3 : 1,
      }));
      const write = (dy, text, kind) => picture.append(
        node("svg:text", { x, y: y + dy, "text-anchor": "middle", class: kind }, text));
      write(-12, each.op ? `${each.name}  (${each.op})` : each.name, "ct-op");
      if (hasValue(i)) write(4, each.value, "ct-value");
      if (hasGrad(i)) write(20, `${half < 46 ? "∇" : "grad"} ${each.grad}`, "ct-grad");
    });
  }

  for (const name of ["graphs", "step", "chosen"]) model.on(`change:${name}`, draw);
  drawLeaves();
  draw();
  return whenResized(box, (found) => {
    width = found;
    draw();
  });
}

export default { render };
