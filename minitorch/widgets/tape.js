// Step through small expressions: values on the way forward, gradients on the way back.
// State: see TapeExplorer in tape.py. All numbers and sentences come from there; this
// file draws the graph as far as the step has come.

const BACK = WRONG; // the kit's dark orange: what flows backward
const TAPE_LOOK = `
.course-widget .ct-row { display: flex; flex-wrap: wrap; gap: 6px 14px; margin-top: 10px;
  align-items: center; }
.course-widget .ct-row label { display: inline-flex; flex-wrap: wrap; gap: 2px 6px;
  align-items: center; max-width: 100%; margin: 0; }
.course-widget .ct-row select, .course-widget .ct-row input { font: inherit; max-width: 100%;
  min-height: 32px; padding: 3px 6px; color: ${INK}; background: #fff;
  border: 1px solid #8c959f; border-radius: 4px; }
.course-widget .ct-row input { width: 5.5em; }
.course-widget .ct-row select:focus-visible { outline: 3px solid ${BLUE}; outline-offset: 2px; }
.course-widget .ct-row [hidden] { display: none; }
.course-widget .ct-buttons button { font: inherit; min-height: 32px; padding: 3px 14px;
  color: #fff; background: ${BLUE}; border: 1px solid ${BLUE}; border-radius: 4px;
  cursor: pointer; }
.course-widget .ct-buttons button[aria-disabled=true] { background: #6e7781;
  border-color: #6e7781; cursor: default; }
.course-widget .ct-say { margin: 8px 0 10px !important; font-size: 15px; }
.course-widget .ct-key { margin-top: 8px !important; }
.course-widget .ct-key b { white-space: nowrap; font-weight: 600; }
`;

function render({ model, el }) {
  card(el, TAPE_LOOK);
  let width = 0;

  const graph = () => model.get("graphs")[model.get("chosen")];
  const walk = () => graph().backward[model.get("order")];
  const steps = () => [...graph().forward, ...walk().steps];
  const backward = (k) => k >= graph().forward.length;
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const go = (k) => {
    const step = Math.min(Math.max(k, 0), steps().length - 1);
    if (step !== model.get("step")) set({ step });
  };

  // --- which expression, and in which order backward runs
  function choice(text, chosen) {
    const select = node("select");
    select.addEventListener("change", () => chosen(Number(select.value)));
    const offer = (names, now) => {
      const known = [...select.options].map((option) => option.text);
      if (String(known) !== String(names)) {
        select.replaceChildren(...names.map((name, value) => node("option", { value }, name)));
      }
      select.value = now;
    };
    return { box: node("label", {}, text, select), offer };
  }
  const expression = choice("Expression", (chosen) => set({ step: 0, order: 0, chosen }));
  // Another order starts where backward does: that is where the two part.
  const order = choice("Backward", (chosen) =>
    set({ step: Math.min(model.get("step"), graph().forward.length), order: chosen }));

  // --- the step
  const control = slider(
    "Step",
    (k) => {
      const way = backward(k) ? "backward" : "forward";
      const shown = `${k} of ${steps().length - 1}, ${way}`;
      return [shown, shown];
    },
    go,
  );
  const button = (text, by) => {
    const made = node("button", { type: "button" }, text);
    made.addEventListener("click", () => go(model.get("step") + by));
    return made;
  };
  const [back, next] = [button("Back", -1), button("Next", 1)];
  const runs = node("span");
  const say = node("p", { class: "ct-say", "aria-live": "polite" });
  const about = node("p", { class: "cw-note" });

  // --- the graph
  const picture = node("svg:svg", { role: "img" });
  const box = node("div", {}, picture);
  const key = node("p", { class: "cw-note ct-key" });

  // Where each node stands: layers from left to right, or on a phone from top to bottom.
  // An edge leaves and enters a node beside the other edges there.
  function places({ nodes, edges }) {
    const wide = width >= 620;
    const counts = [];
    for (const { layer } of nodes) counts[layer] = (counts[layer] ?? 0) + 1;
    const most = Math.max(...counts), half = 29;
    const pitch = wide ? width / counts.length : 100;
    const [across, height] = wide ? [76 * most, 76 * most] : [width, pitch * counts.length - 36];
    const spots = nodes.map(({ layer, place }) => {
      const along = wide ? (layer + 0.5) * pitch : layer * pitch + half + 3;
      const side = (across * (place + 0.5)) / counts[layer];
      const room = wide ? Math.min(pitch - 72, 130) : Math.min(width / counts[layer] - 8, 140);
      return { x: wide ? along : side, y: wide ? side : along, half, room };
    });
    const gap = wide ? 20 : 34;
    const beside = (list, k) => (list.indexOf(k) - (list.length - 1) / 2) * gap;
    const lines = edges.map(([from, to], k) => {
      const out = edges.map((_, e) => e).filter((e) => edges[e][0] === from);
      const into = edges.map((_, e) => e).filter((e) => edges[e][1] === to);
      const a = spots[from], b = spots[to], [u, v] = [beside(out, k), beside(into, k)];
      return wide
        ? [a.x + a.room / 2, a.y + u, b.x - b.room / 2, b.y + v]
        : [a.x + u, a.y + half, b.x + v, b.y - half];
    });
    return { wide, height, spots, lines };
  }

  // What has arrived by step k: values, gradients, and which edges a gradient went along.
  function arrived(k) {
    const { nodes, forward } = graph();
    const values = nodes.map((each) => each.kind !== "result");
    for (const { at } of steps().slice(0, Math.min(k + 1, forward.length))) values[at] = true;
    const grads = new Map(), factors = new Map(), gone = new Set();
    const past = steps().slice(forward.length, k + 1);
    past.forEach((step, i) => {
      if (step.to !== undefined) grads.set(step.to, step.grad);
      if (step.edge !== undefined) factors.set(step.edge, step.factor);
      // The engine lets go of a gradient once its rule has run.
      if (i && step.at !== past[i - 1].at) gone.add(past[i - 1].at);
    });
    return { values, grads, factors, gone: model.get("order") ? new Set() : gone };
  }

  function draw() {
    if (!width) return;
    const { nodes, edges } = graph(), k = model.get("step"), now = steps()[k];
    const { wide, height, spots, lines } = places(graph());
    const { values, grads, factors, gone } = arrived(k);
    const [down, up] = wide ? ["→", "←"] : ["↓", "↑"];
    say.style.minHeight = wide ? "3em" : "7em"; // so that the graph seldom jumps
    picture.replaceChildren();
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      picture.setAttribute(name, value);
    }
    const write = (text, x, y, fill, bold = false) => picture.append(node("svg:text",
      { x, y, "text-anchor": "middle", style: `fill:${fill}; font-weight:${bold ? 700 : 400}` }, text));

    const words = [];
    edges.forEach(([from, to], e) => {
      const [x1, y1, x2, y2] = lines[e];
      const used = factors.has(e), active = now.edge === e;
      const feeding = !backward(k) && now.at === to;
      const stroke = used ? BACK : feeding ? BLUE : "#8c959f";
      const bend = wide ? [(x1 + x2) / 2, y1, (x1 + x2) / 2, y2] : [x1, (y1 + y2) / 2, x2, (y1 + y2) / 2];
      picture.append(node("svg:path", {
        d: `M${x1} ${y1}C${bend[0]} ${bend[1]} ${bend[2]} ${bend[3]} ${x2} ${y2}`,
        fill: "none", stroke, "stroke-width": active || feeding ? 3 : 1.5,
        "stroke-dasharray": used ? "6 4" : "none",
      }));
      // An arrowhead at the end to which the number goes.
      const [x, y, sign] = used ? [x1, y1, 1] : [x2, y2, -1];
      picture.append(node("svg:path", {
        d: wide ? `M${x} ${y}l${9 * sign} -5v10z` : `M${x} ${y}l-5 ${9 * sign}h10z`, fill: stroke,
      }));
      if (used) words.push([factors.get(e), (x1 + x2) / 2, (y1 + y2) / 2 + 4, active]);
    });
    for (const [text, x, y, active] of words) {
      const room = 7 * text.length;
      picture.append(node("svg:rect", { x: x - room / 2, y: y - 11, width: room, height: 15, fill: "#fff" }));
      write(text, x, y, active ? BACK : MUTED, active);
    }

    const told = nodes.map((each, i) => {
      const { x, y, half, room } = spots[i];
      const [has, grad] = [values[i], grads.get(i)];
      const came = backward(k) ? now.to === i : now.at === i;
      picture.append(node("svg:rect", {
        x: x - room / 2, y: y - half, width: room, height: 2 * half,
        rx: each.kind === "constant" ? 0 : 9,
        fill: came ? (backward(k) ? "#fdf3ee" : "#eef6fb") : "#fff",
        stroke: came ? (backward(k) ? BACK : BLUE) : has ? MUTED : "#8c959f",
        "stroke-width": came ? 3 : 1.2, "stroke-dasharray": has ? "none" : "4 4",
      }));
      const fits = (text) => text.length * 6.6 < room - 4;
      const formula = each.formula ? `${each.name} = ${each.formula}` : each.name;
      write(fits(formula) ? formula : each.name, x, y - 13, has ? INK : MUTED, !each.formula);
      if (has) write(`${down} ${each.value}`, x, y + 4, BLUE);
      if (grad !== undefined) {
        const sum = now.to === i && now.sum && fits(`${up} ${now.sum}`) ? now.sum : grad;
        const text = gone.has(i) ? `(${up} ${grad})` : `${up} ${sum}`;
        write(text, x, y + 21, gone.has(i) ? MUTED : BACK, !gone.has(i));
      } else if (each.kind === "constant") {
        write("constant", x, y + 21, MUTED);
      }
      return formula + (has ? `, value ${each.value}` : ", not computed yet") +
        (grad === undefined ? "" : `, gradient ${grad}${gone.has(i) ? ", let go" : ""}`);
    });
    picture.setAttribute("aria-label", `Graph: ${told.join("; ")}.`);
    key.replaceChildren(
      node("b", { style: `color:${BLUE}` }, `${down} value`), ", on the way forward. ",
      node("b", { style: `color:${BACK}` }, `${up} gradient`), ", on the way back, dashed, with the ",
      node("b", {}, "× local derivative"), " beside the edge.");
    if (!model.get("order")) {
      key.append(" ", node("b", {}, `(${up} …)`), ": passed on, and let go by the engine.");
    }
  }

  // --- what changes with the step, and with the graph
  function update() {
    const k = model.get("step"), now = steps()[k];
    if (now === undefined) return; // between two settings of one change
    el.dataset.step = k;
    el.dataset.way = backward(k) ? "backward" : "forward";
    control.place(k, steps().length);
    say.textContent = now.say;
    back.setAttribute("aria-disabled", k === 0);
    next.setAttribute("aria-disabled", k === steps().length - 1);
    runs.textContent = now.runs === undefined ? "" : `backward rules run: ${now.runs}`;
    draw();
  }
  function change() {
    const { note, backward: orders } = graph();
    if (!orders[model.get("order")]) return;
    el.dataset.expression = model.get("chosen");
    el.dataset.order = model.get("order");
    expression.offer(model.get("graphs").map(({ name }) => name), model.get("chosen"));
    order.offer(orders.map(({ name }) => name), model.get("order"));
    order.box.hidden = orders.length < 2;
    about.textContent = note;
    update();
  }

  const top = node("div", { class: "ct-row" }, expression.box, order.box);
  el.append(
    node("p", { class: "cw-title" }, model.get("title")),
    node("p", { class: "cw-note" }, model.get("note")),
    top, about, control.box,
    node("div", { class: "ct-row ct-buttons" }, back, next, runs),
    say, box, key,
  );
  const numbers = model.get("live") && leaves({ model, graph });
  if (numbers) el.append(numbers.box);

  const heard = { step: update, order: change, chosen: change, graphs: change };
  for (const [name, call] of Object.entries(heard)) model.on(`change:${name}`, call);
  change();
  const stop = whenResized(box, (found) => {
    width = found;
    draw();
  });
  return () => {
    stop();
    numbers?.stop();
    for (const [name, call] of Object.entries(heard)) model.off(`change:${name}`, call);
  };
}

// With a kernel: the numbers that the expression starts from. The kernel answers with the
// graph computed anew, or with an error that is shown as it is.
function leaves({ model, graph }) {
  const status = node("span", { role: "status" });
  const fields = node("div", { class: "ct-row" });
  const box = node("div", {}, fields, status);
  function offer() {
    status.textContent = "";
    const start = Object.entries(graph().leaves);
    const inputs = start.flatMap(([name, values]) => values.map((value, i) => {
      const text = values.length > 1 ? `${name}[${i}]` : name;
      const input = node("input", { type: "number", step: "any", value });
      input.addEventListener("change", () => {
        if (!input.value.trim()) status.textContent = `Give a number for ${text}.`;
        else ask();
      });
      fields.append(node("label", {}, text, input));
      return { name, input };
    }));
    const ask = () => {
      const given = {};
      for (const { name, input } of inputs) (given[name] ??= []).push(Number(input.value));
      status.textContent = "Computing …";
      model.send({ chosen: model.get("chosen"), leaves: given });
    };
    fields.replaceChildren("Start from", ...inputs.map(({ input }) => input.parentElement));
  }
  const answered = (message) => {
    status.textContent = message.error ?? "Computed anew.";
  };
  model.on("change:chosen", offer);
  model.on("msg:custom", answered);
  offer();
  return {
    box,
    stop: () => {
      model.off("change:chosen", offer);
      model.off("msg:custom", answered);
    },
  };
}

export default { render };
