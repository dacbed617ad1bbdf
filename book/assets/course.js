// The theme gives every "Show code cell source" the spoken name "Toggle hidden content".
// Without that label a screen reader reads what everybody else sees.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("details.hide > summary[aria-label]")) {
    summary.removeAttribute("aria-label");
  }
});
