// Small helpers that every picture of the course shares. `view.py` puts this file
// in front of a picture's own file, so the two together are one ES module. A picture
// defines `render({ model, el })`; `model` has get, set, on, save_changes and, where
// a kernel listens, send.

const INK = "#1f2328", MUTED = "#57606a", LINE = "#d9dde2";
const BLUE = "#0072B2", GREY = "#767676", RIGHT = "#0b6b42", WRONG = "#b3400a";

const LOOK = `
.course-widget { color-scheme: light; box-sizing: border-box; margin: 1em 0;
  padding: 14px 16px; max-width: 860px; background: #fff; color: ${INK};
  border: 1px solid ${LINE}; border-radius: 8px; text-align: left;
  font: 14px/1.4 system-ui, sans-serif; }
.course-widget * { box-sizing: border-box; }
.course-widget p, .course-widget figure, .course-widget ul { margin: 0; padding: 0; }
.course-widget p, .course-widget figcaption, .course-widget label {
  color: ${INK}; font: inherit; text-align: left; }
.course-widget .cw-title { font-size: 16px; font-weight: 700; line-height: 1.3; }
.course-widget .cw-note, .course-widget figcaption { font-size: 13px; color: ${MUTED}; }
.course-widget .cw-slider { display: grid; grid-template-columns: 1fr auto;
  gap: 2px 12px; margin: 12px 0 4px; }
.course-widget .cw-slider input { grid-column: 1 / 3; width: 100%; height: 32px;
  margin: 0; accent-color: ${BLUE}; cursor: pointer; }
.course-widget .cw-slider b { font-variant-numeric: tabular-nums; color: ${INK}; }
.course-widget fieldset { border: 0; margin: 0; padding: 0; min-width: 0; display: flex;
  flex-wrap: wrap; align-items: center; gap: 4px 6px; }
.course-widget legend { float: left; padding: 0; margin: 0 4px 0 0; font: inherit;
  color: ${INK}; width: auto; }
.course-widget button.cw-pick { min-height: 28px; padding: 1px 10px; color: ${INK};
  background: #fff; font: inherit; border: 1px solid #8c959f; border-radius: 14px;
  cursor: pointer; font-variant-numeric: tabular-nums; }
.course-widget button.cw-pick[aria-pressed=true] { border-color: ${BLUE};
  box-shadow: inset 0 0 0 1px ${BLUE}; background: #e8f1f8; }
.course-widget button.cw-pick:disabled { color: ${MUTED}; border-color: ${LINE}; cursor: default; }
.course-widget input:focus-visible, .course-widget button:focus-visible {
  outline: 3px solid ${BLUE}; outline-offset: 2px; border-radius: 4px; }
.course-widget svg { display: block; max-width: 100%; background: none; }
.course-widget svg text { font: 12.5px system-ui, sans-serif; fill: ${INK}; }
.course-widget canvas { display: block; background: #fff; }
`;

// An HTML element, or an SVG one for a tag such as "svg:line".
function node(tag, attributes = {}, ...children) {
  const made = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Turns `el` into an empty card that keeps its keys to itself: JupyterLab would
// otherwise fold headings on the arrow keys and run cells on Enter.
function card(el, look = "") {
  el.classList.add("course-widget");
  el.replaceChildren(node("style", {}, LOOK + look));
  for (const type of ["keydown", "keyup", "keypress"]) {
    el.addEventListener(type, (event) => event.stopPropagation());
  }
}

// A labelled range over 0 .. count - 1. `say(index)` gives [shown, spoken] words.
// Returns its box and `place(index, count)`, which moves it from outside.
function slider(text, say, moved) {
  const id = `cw-${Math.random().toString(36).slice(2)}`;
  const input = node("input", { type: "range", id, min: 0, step: 1 });
  const shown = node("b", { "aria-hidden": "true" });
  const box = node("div", { class: "cw-slider" }, node("label", { for: id }, text), shown, input);
  const place = (index, count) => {
    input.max = count - 1;
    input.value = index;
    const [short, spoken] = say(index);
    shown.textContent = short;
    input.setAttribute("aria-valuetext", spoken);
  };
  input.addEventListener("input", () => moved(Number(input.value)));
  return { box, place };
}

// Gives an SVG its size in pixels.
function sized(svg, width, height) {
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
    svg.setAttribute(name, value);
  }
}

// A row of buttons, one of them pressed; `offered` holds [value, text]. Returns its box,
// the buttons with their values, and `show(value)`, which presses one from outside.
function choice(text, offered, picked) {
  const box = node("fieldset", {}, node("legend", {}, text));
  const buttons = offered.map(([value, says]) => {
    const button = node("button", { type: "button", class: "cw-pick", "data-value": value }, says);
    button.addEventListener("click", () => picked(value));
    box.append(button);
    return [value, button];
  });
  const show = (value) => buttons.forEach(([own, button]) => button.setAttribute("aria-pressed", own === value));
  return { box, buttons, show };
}

// Base64 text to bytes.
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// 199210 to "199,210", 0.4567 to "0.457".
function number(value) {
  if (Math.abs(value) >= 999.5) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

const percent = (value) => `${(100 * value).toFixed(1)} %`;

// Calls `draw(width)` now and whenever the element's width changes; returns a stop.
function whenResized(el, draw) {
  let last = 0;
  const look = () => {
    const width = Math.floor(el.clientWidth);
    if (width > 0 && width !== last) draw((last = width));
  };
  const observer = new ResizeObserver(look);
  observer.observe(el);
  look();
  return () => observer.disconnect();
}

// Axes in an SVG of this size. `x` and `y` hold low, high, ticks, write (a tick to
// text) and, for a logarithmic axis, log; x has a name, y has the picture's heading.
// Returns the two scales and the box of the plot.
function axes(svg, width, height, x, y) {
  const box = { left: 46, right: width - 20, top: 10, bottom: height - 42 };
  const scale = (axis, from, to) => {
    const f = axis.log ? Math.log : Number;
    return (v) => from + ((f(v) - f(axis.low)) / (f(axis.high) - f(axis.low))) * (to - from);
  };
  const sx = scale(x, box.left, box.right);
  const sy = scale(y, box.bottom, box.top);
  const line = (x1, y1, x2, y2, stroke) =>
    svg.append(node("svg:line", { x1, y1, x2, y2, stroke, "stroke-width": 1 }));
  const write = (text, at) => svg.append(node("svg:text", at, text));
  for (const tick of y.ticks) {
    line(box.left, sy(tick), box.right, sy(tick), "#eaeef2");
    write(y.write(tick), { x: box.left - 6, y: sy(tick) + 4, "text-anchor": "end" });
  }
  for (const tick of x.ticks) {
    line(sx(tick), box.top, sx(tick), box.bottom, "#eaeef2");
    write(x.write(tick), { x: sx(tick), y: box.bottom + 16, "text-anchor": "middle" });
  }
  line(box.left, box.bottom, box.right, box.bottom, "#8c959f");
  line(box.left, box.top, box.left, box.bottom, "#8c959f");
  write(x.name, { x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" });
  return { sx, sy, ...box };
}

// Plain numbers for a logarithmic axis, as many as fit the width.
function logTicks(low, high, width) {
  const decades = Math.log10(high / low);
  const each = width / decades;
  const steps = each > 150 ? [1, 2, 5] : each > 90 ? [1, 3] : [1];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (const step of steps) ticks.push(step * 10 ** power);
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

// Viridis in seven stops, as [red, green, blue]; t from 0 (dark) to 1 (bright).
const STOPS = [
  [68, 1, 84], [70, 50, 127], [54, 92, 141], [39, 127, 142],
  [31, 161, 135], [109, 205, 89], [253, 231, 37],
];
function viridis(t) {
  const at = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1);
  const k = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[k].map((low, i) => Math.round(low + (at - k) * (STOPS[k + 1][i] - low)));
}
