// What the pages do beyond links and forms, all of which work without it.
"use strict";

const isTyping = (element) => element.closest("input, select, textarea, dialog, [contenteditable]");
const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent);
const rowOf = (element) => element.closest("[data-row]") || element.closest(".detail")?.previousElementSibling;

// Browsers let pages copy on this machine's own address, and by https.
document.documentElement.classList.toggle("cannot-copy", !navigator.clipboard);

function announce(text) {
  const place = document.getElementById("announce");
  if (place) place.textContent = text;
}

async function copy(button) {
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  try {
    await navigator.clipboard.writeText(source ? source.textContent : button.dataset.copy);
  } catch {
    announce("The browser does not let this page copy");
    return;
  }
  button.classList.add("done");
  announce("Copied");
  setTimeout(() => button.classList.remove("done"), 1200);
}

function move(step) {
  const all = rows();
  const at = all.indexOf(rowOf(document.activeElement));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  const target = next && (next.querySelector("[data-open]") || next.querySelector("a") || next);
  if (target) {
    target.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
}

// A row's link opens what is below it; a second time it closes that, without asking again.
function detailOf(link) {
  return document.getElementById(link.getAttribute("aria-controls"));
}

function show(link, isOpen) {
  link.setAttribute("aria-expanded", String(isOpen));
  detailOf(link).hidden = !isOpen;
}

document.querySelectorAll("[data-open]").forEach((link) => link.setAttribute("aria-expanded", "false"));

document.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.target;
  if (link.matches("[data-poll]") && document.hidden) {
    event.preventDefault();
  }
  if (!link.matches("[data-open]")) return;
  const isOpen = link.getAttribute("aria-expanded") === "true";
  if (isOpen || detailOf(link).dataset.filled) {
    event.preventDefault();
    show(link, !isOpen);
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  const link = event.detail.requestConfig.elt;
  if (link.matches("[data-open]")) {
    if (event.detail.xhr.status < 400) detailOf(link).dataset.filled = "yes";
    show(link, true);
  }
  if (link.matches("[data-address]")) {
    history.replaceState(null, "", `${link.action}?${new URLSearchParams(new FormData(link))}`);
  }
});
document.addEventListener("htmx:sendError", () => announce("The explorer does not answer"));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button) copy(button);
  if (event.target.closest("[data-help]")) document.getElementById("help").showModal();
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("a, button, input, summary") && !String(getSelection())) {
    row.querySelector("[data-open]")?.click();
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// An empty field of a GET form would only make the URL longer.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "get") return;
  const fields = [...event.target.elements].filter((field) => field.name && !field.value);
  fields.forEach((field) => (field.disabled = true));
  setTimeout(() => fields.forEach((field) => (field.disabled = false)));
});

let isGoing = false;
const keys = {
  "/": () => document.getElementById("search")?.focus(),
  "?": () => document.getElementById("help")?.showModal(),
  j: () => move(1),
  k: () => move(-1),
  o: () => rowOf(document.activeElement)?.querySelector("[data-open], a")?.click(),
  n: () => document.querySelector("a[rel=next]")?.click(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const going = isGoing;
  isGoing = event.key === "g";
  if (going) {
    const target = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (target) {
      event.preventDefault();
      target.click();
    }
    return;
  }
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
