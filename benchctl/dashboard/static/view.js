// A picture that tells its values under the pointer; what is dragged over is drawn again by the server, larger.
"use strict";
for (const figure of document.querySelectorAll("figure.view")) begin(figure);
function begin(figure) {
  const box = figure.querySelector(".picture"), image = box.querySelector("img"), reading = figure.querySelector(".reading");
  const canvas = document.createElement("canvas");
  const size = box.clientWidth < 480 ? "&width=480&height=340" : ""; // so that its letters can be read there
  let seen = null, query = figure.dataset.query, from = null;
  if (size) image.src = "/plot.svg?" + query + size;
  canvas.setAttribute("aria-hidden", "true");
  image.addEventListener("error", why);
  box.append(canvas);
  if (image.complete && image.currentSrc && !image.naturalWidth) why();
  async function why() { reading.textContent = "Not drawn. " + ((await (await fetch("/api/plot?" + query)).json()).error?.message ?? ""); }
  async function look() { if (!seen) { const answer = await fetch("/api/plot?" + query + size); seen = answer.ok ? await answer.json() : null; } return seen; }
  function at(event, known) {
    const place = canvas.getBoundingClientRect(), x = (event.clientX - place.left) / place.width, y = (event.clientY - place.top) / place.height;
    const panel = known.panels.find(({ box: [l, t, w, h] }) => x >= l && x <= l + w && y >= t && y <= t + h);
    if (!panel) return null;
    const [low, high] = panel.x.limits, share = (x - panel.box[0]) / panel.box[2];
    return { panel, x: panel.x.is_log ? low * (high / low) ** share : low + (high - low) * share };
  }
  const short = (number) => Number(number.toPrecision(5)).toString();
  canvas.addEventListener("pointermove", async (event) => {
    const known = await look(), place = known && at(event, known);
    if (!place) return;
    const parts = place.panel.series.filter((one) => one.points.length).map((one) => {
      const near = one.points.reduce((a, b) => (Math.abs(b[0] - place.x) < Math.abs(a[0] - place.x) ? b : a));
      return (one.label ? one.label + " " : "") + short(near[1]);
    });
    reading.textContent = place.panel.x.label + " " + short(place.x) + (parts.length ? ": " + parts.join(", ") : "");
    if (from) mark(from.px, event.offsetX);
  });
  canvas.addEventListener("pointerdown", async (event) => {
    canvas.setPointerCapture(event.pointerId);
    const px = event.offsetX, known = await look(), place = known?.can_zoom && at(event, known);
    from = place ? { px, x: place.x } : null;
  });
  canvas.addEventListener("pointerup", async (event) => {
    const known = await look(), place = from && at(event, known), start = from;
    from = null; mark(0, 0);
    if (!place || Math.abs(event.offsetX - start.px) < 8) return;
    const unit = known.x_unit_s ?? 1, ends = [start.x * unit, place.x * unit].sort((a, b) => a - b);
    show(ends.join(","));
  });
  canvas.addEventListener("dblclick", () => show(""));
  function mark(a, b) {
    canvas.width = canvas.clientWidth; canvas.height = canvas.clientHeight;
    const pen = canvas.getContext("2d"); pen.fillStyle = "rgba(11, 92, 173, 0.18)"; pen.fillRect(Math.min(a, b), 0, Math.abs(a - b), canvas.height);
  }
  function show(range) {
    const wanted = new URLSearchParams(query);
    wanted.delete("range"); if (range) wanted.set("range", range);
    query = wanted.toString(); seen = null;
    image.src = "/plot.svg?" + query + size;
    for (const link of figure.querySelectorAll("a")) link.search = "?" + query + (link.classList.contains("download") ? "&download=1" : "");
    if (location.pathname === "/plot" || location.pathname === "/compare") history.replaceState(null, "", "?" + query);
  }
}
