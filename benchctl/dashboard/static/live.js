// A run that goes on: its state as the server tells it, until it is over.
"use strict";
const live = document.getElementById("live");
const part = (name) => document.getElementById("live-" + name);
const began = Date.parse(live.dataset.started);
const source = new EventSource("/runs/" + encodeURIComponent(live.dataset.run) + "/live");
const made = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
setInterval(() => { part("elapsed").textContent = Math.max(0, Math.round((Date.now() - began) / 1000)) + " s"; }, 1000);
source.addEventListener("state", (event) => {
  const now = JSON.parse(event.data);
  if (now.status !== "running") { source.close(); location.reload(); return; }
  const going = now.stages.map((one) => one.stage + " on " + one.host).join(", ") || "between two stages";
  part("state").textContent = (now.planned > 1 ? "trial " + now.trials + " of " + now.planned + ": " : "") + going;
  part("tails").replaceChildren(...Object.entries(now.tails).flatMap(([host, lines]) => [made("h3", host), made("pre", lines.join("\n"))]));
  part("outputs").replaceChildren(...now.outputs.map((one) => made("li", one.trial + " " + one.output + ": " + (one.rows ?? "?") + " rows")));
});
