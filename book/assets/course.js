// Spoken names that differ from what everybody sees, in the theme's own parts.
function mendToggles() {
  for (const summary of document.querySelectorAll("details.hide > summary[aria-label]")) {
    summary.removeAttribute("aria-label"); // "Toggle hidden content"
  }
}

function mendButtons() {
  for (const button of document.querySelectorAll(".search-button-field[aria-label]")) {
    button.removeAttribute("aria-label"); // leaves out the keys that it shows
  }
  for (const icon of document.querySelectorAll(".theme-switch-button svg")) {
    icon.querySelector("title")?.remove(); // the button has a name already
    icon.removeAttribute("aria-labelledby");
    icon.setAttribute("aria-hidden", "true");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  mendToggles();
  mendButtons();
  // Font Awesome turns each icon into a picture later on.
  for (const button of document.querySelectorAll(".theme-switch-button")) {
    new MutationObserver(mendButtons).observe(button, { childList: true, subtree: true });
  }
});
