function render({ model, el }) {
  card(el);
  el.append(node("p", { class: "cw-title" }, model.get("title")));
}

export default { render };
