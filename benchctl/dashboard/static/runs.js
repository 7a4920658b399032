// The list of runs: keys, how many are chosen, and new rows while a run goes on. Without this it can be read all the same.
import { sayTimes } from "./times.js";

const REFRESH_MS = 5_000;
const form = document.getElementById("choice");
const search = document.querySelector("input[type=search]");
const keys = document.getElementById("keys");
let here = null; // the id of the run that j and k have come to

const rows = () => [...document.querySelectorAll(".runs tbody tr")];
const boxes = () => [...document.querySelectorAll(".runs input[type=checkbox]")];
const box = () => rows().find((row) => row.id === here)?.querySelector("input");

function count() {
  const many = boxes().filter((one) => one.checked).length;
  const compare = form.querySelector("[data-does=compare]");
  compare.textContent = many ? `Compare ${many} chosen` : "Compare the chosen";
  compare.disabled = many === 1;
}

function mark() {
  for (const row of rows()) row.classList.toggle("here", row.id === here);
}

function move(by) {
  const all = rows();
  const at = all.findIndex((row) => row.id === here);
  const row = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!row) return;
  here = row.id;
  mark();
  row.querySelector("th a").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

const DOES = {
  "/": () => search.focus(),
  "?": () => keys.showModal(),
  j: () => move(1),
  k: () => move(-1),
  x: () => box()?.click(),
  c: () => boxes().filter((one) => one.checked).length > 1 && form.requestSubmit(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select");
  if (typing || keys.open || event.ctrlKey || event.metaKey || event.altKey || !(event.key in DOES)) return;
  event.preventDefault();
  DOES[event.key]();
});

function refresh() {
  const ask = new XMLHttpRequest(); // it makes a document of the answer without running anything in it
  ask.responseType = "document";
  ask.open("GET", location.href);
  ask.onload = () => ask.response && replace(ask.response);
  ask.send();
}

function replace(page) {
  const chosen = new Set(boxes().filter((one) => one.checked).map((one) => one.value));
  const focused = document.activeElement?.closest(".runs tr")?.id;
  const label = document.activeElement?.matches("input") ? "input" : "th a";
  for (const name of ["body", "chips"]) {
    const fresh = page.getElementById(name);
    if (fresh) document.getElementById(name)?.replaceWith(fresh);
  }
  for (const one of boxes()) one.checked = chosen.has(one.value);
  if (focused) document.getElementById(focused)?.querySelector(label)?.focus({ preventScroll: true });
  sayTimes(document);
  mark();
  count();
}

if (form) {
  form.addEventListener("change", count);
  count();
  setInterval(() => !document.hidden && document.querySelector("#body .running") && refresh(), REFRESH_MS);
}
