// A run that goes on: its state as the server tells it, until it is over.
import { sayTimes } from "./times.js";

const live = document.getElementById("live");
const address = "/runs/" + encodeURIComponent(live.dataset.run) + "/live";
const began = Date.parse(live.dataset.started);
const SVG = "http://www.w3.org/2000/svg";
let heard = Date.now(), place = null;

const part = (name) => document.getElementById("live-" + name);
const made = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
const seconds = (since) => Math.max(0, Math.round((Date.now() - since) / 1000));
const short = (number) => Number(number.toPrecision(4)).toString();

function told(all) {
  const minutes = Math.floor(all / 60);
  return minutes ? minutes + "m" + String(all % 60).padStart(2, "0") + "s" : all + " s";
}

function link() {
  const silent = seconds(heard);
  return silent < 5 ? "connected" : "last update " + told(silent) + " ago";
}

function tail([host, lines]) {
  const text = made("pre", lines.join("\n"));
  text.tabIndex = 0;
  return [made("h3", host), text];
}

function trend(one) {
  const line = made("p", one.name + " ");
  const last = one.values[one.values.length - 1];
  line.append(made("b", short(last)), " " + one.unit + " ", made("small", one.case));
  if (one.values.length > 1) line.append(curve(one));
  return line;
}

function curve(one) {
  const low = Math.min(...one.values), high = Math.max(...one.values), step = 216 / (one.values.length - 1);
  const at = (value, i) => (2 + i * step).toFixed(1) + "," + (high > low ? 44 - ((value - low) / (high - low)) * 40 : 24).toFixed(1);
  const picture = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
  picture.setAttribute("viewBox", "0 0 220 48");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", one.values.length + " trials, from " + short(low) + " to " + short(high));
  line.setAttribute("points", one.values.map(at).join(" "));
  picture.append(line);
  return picture;
}

function output(one) {
  const rows = one.rows === null ? "" : ", " + one.rows.toLocaleString() + " rows";
  return made("li", (one.trial + " " + one.output).trim() + " of " + one.host + rows);
}

function show(now) {
  heard = Date.now();
  if (now.status !== "running") {
    part("link").textContent = now.message || "it is over: " + now.status;
    source.close();
    location.reload();
    return;
  }
  const there = JSON.stringify([now.trial, now.finished, now.stages]);
  if (place !== null && there !== place) refresh();
  place = there;
  part("state").textContent = now.told;
  if (part("progress")) part("progress").value = now.finished;
  part("trends").replaceChildren(...now.trends.map(trend));
  part("tails").replaceChildren(...Object.entries(now.tails).flatMap(tail));
  part("outputs").replaceChildren(...now.outputs.map(output));
}

function refresh() {
  const ask = new XMLHttpRequest(); // it makes a document of the answer without running anything in it
  ask.responseType = "document";
  ask.open("GET", location.href);
  ask.onload = () => ask.response && ["measured", "so-far"].forEach((name) => renew(name, ask.response));
  ask.send();
}

// What is open stays open.
function renew(name, page) {
  const old = document.getElementById(name), fresh = page.getElementById(name);
  if (!fresh) return;
  const told = (summary) => (summary.closest("th") ?? summary).textContent.split(": the last")[0];
  const open = new Set([...old.querySelectorAll("details[open] > summary")].map(told));
  for (const one of fresh.querySelectorAll("details > summary")) one.parentElement.open ||= open.has(told(one));
  old.replaceWith(fresh);
  sayTimes(document);
}

async function ask() {
  try {
    const answer = await fetch("/api" + address);
    if (answer.ok) show(await answer.json());
  } catch { /* the server is away for now; how long is shown */ }
}

const source = new EventSource(address);
source.addEventListener("state", (event) => show(JSON.parse(event.data)));
source.addEventListener("still", () => { heard = Date.now(); });
// Too many watch already, or the server was begun anew: then it is asked now and then.
source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setInterval(ask, 5000); });
setInterval(() => {
  part("elapsed").textContent = told(seconds(began));
  part("link").textContent = link();
}, 1000);
