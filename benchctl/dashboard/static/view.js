// A plot in the page: the server draws it at the size, the theme and the range that are wanted.
import { asText, between, panelOf, valueAt, withRange } from "./range.js";
import { sayAt, tableOf } from "./reading.js";

const NARROWEST = 320, WIDEST = 1600, WIDTH_STEP = 20; // pixels
const STEPS = { in: [0.25, 0.75], out: [-0.5, 1.5], lower: [-0.3, 0.7], higher: [0.3, 1.3] };
const KEYS = { "+": "in", "=": "in", "-": "out", 0: "all", Home: "all" };
const ARROWS = {
  x: { ArrowLeft: "lower", ArrowRight: "higher" },
  y: { ArrowDown: "lower", ArrowUp: "higher" },
};
const SIGNS = { x: { lower: "←", higher: "→" }, y: { lower: "↓", higher: "↑" } };
const LEAST_DRAG = 8; // pixels
const MOST_TRIES = 5, RETRY_MS = 2000;
const MOST_ROWS = 200;

const night = matchMedia("(prefers-color-scheme: dark)");

class View {
  constructor(figure) {
    this.figure = figure;
    this.box = figure.querySelector(".picture");
    this.reading = figure.querySelector(".reading");
    this.problem = figure.querySelector(".problem");
    this.query = new URLSearchParams(figure.dataset.query);
    this.range = this.query.get("range") ?? "";
    this.query.delete("range");
    this.turn = 0;
    this.panel = panelOf(this.range);
    this.image = document.createElement("img");
    this.image.hidden = true;
    this.image.alt = figure.dataset.title;
    this.mark = document.createElement("div");
    this.mark.className = "mark";
    this.mark.hidden = true;
    this.box.replaceChildren(this.image, this.mark);
    this.box.tabIndex = 0;
    figure.querySelector(".tools").hidden = false;
    this.listen();
  }

  // The page's address is this view's own where it is the only one.
  get isOfPage() {
    return ["/plot", "/compare"].includes(location.pathname);
  }

  get width() {
    const wide = Math.min(Math.max(this.box.clientWidth, NARROWEST), WIDEST);
    return wide - (wide % WIDTH_STEP);
  }

  wanted(more) {
    const query = new URLSearchParams(this.query);
    if (this.range) query.set("range", this.range);
    for (const [name, value] of Object.entries(more)) query.set(name, value);
    return query.toString();
  }

  async draw() {
    const turn = ++this.turn;
    this.drawnWidth = this.width;
    const query = this.wanted({ width: this.width, theme: night.matches ? "dark" : "light" });
    this.follow();
    this.figure.setAttribute("aria-busy", "true");
    const answer = await ask(query, () => turn === this.turn, (text) => this.say(text));
    if (turn !== this.turn) return;
    this.figure.removeAttribute("aria-busy");
    if (answer.error) this.fail(answer.error.message);
    else this.show(answer, query);
  }

  show(seen, query) {
    this.seen = seen;
    this.say("");
    this.image.hidden = false;
    this.image.src = `/plot.svg?${query}`;
    this.image.alt = `${this.figure.dataset.title}, a ${seen.type.replace("_", " ")} of ${seen.rows} rows`;
    this.figure.querySelector(".summary").replaceChildren(...[...seen.summary, ...seen.notes].map(item));
    for (const [name, sign] of Object.entries(SIGNS[seen.zooms])) {
      this.figure.querySelector(`[data-does=${name}]`).textContent = sign;
    }
    this.fillTable();
  }

  fail(message) {
    this.image.hidden = true;
    this.reading.textContent = "";
    this.say(`Not drawn: ${message}`);
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Try again";
    again.addEventListener("click", () => this.draw());
    this.problem.append(" ", again);
  }

  say(text) {
    this.problem.textContent = text;
  }

  // Links lead to what is seen, and the form asks for it.
  follow() {
    for (const link of this.figure.querySelectorAll("a.download")) link.search = `?${this.wanted({ download: 1 })}`;
    for (const link of this.figure.querySelectorAll("a.page")) link.search = `?${this.wanted({})}`;
    const field = this.isOfPage && document.querySelector(".chooser input[name=range]");
    if (field) field.value = this.range;
  }

  go(range) {
    if (range === this.range) return;
    this.range = range;
    if (this.isOfPage) {
      const here = new URL(location);
      if (range) here.searchParams.set("range", range);
      else here.searchParams.delete("range");
      history.pushState(null, "", here);
    }
    this.draw();
  }

  step(name) {
    if (name === "all") this.go("");
    else if (this.seen) this.zoom(STEPS[name], this.panel);
  }

  zoom(shares, number) {
    const range = between(this.seen, withRange(this.seen, number, this.range), shares);
    if (range.every(Number.isFinite) && range[1] > range[0]) this.go(asText(range, number));
  }

  fillTable() {
    const details = this.figure.querySelector("details");
    if (!details.open || !this.seen) return;
    const { head, rows } = tableOf(this.seen);
    const table = details.querySelector("table");
    table.tHead.replaceChildren(line("th", head));
    table.tBodies[0].replaceChildren(...rows.slice(0, MOST_ROWS).map((cells) => line("td", cells)));
    const more = `The first ${MOST_ROWS} of ${rows.length}; the CSV has all.`;
    details.querySelector(".more").textContent = rows.length > MOST_ROWS ? more : "";
  }

  // The panel under the pointer, where in it, and as shares of its axes.
  at(event) {
    const place = this.image.getBoundingClientRect();
    const x = (event.clientX - place.left) / place.width, y = (event.clientY - place.top) / place.height;
    const isIn = ({ box: [left, top, wide, high] }) => x >= left && x <= left + wide && y >= top && y <= top + high;
    const number = this.seen && !this.image.hidden ? this.seen.panels.findIndex(isIn) : -1;
    return number < 0 ? null : { number, ...this.shares(event, number) };
  }

  shares(event, number) {
    const place = this.image.getBoundingClientRect(), [left, top, wide, high] = this.seen.panels[number].box;
    const x = ((event.clientX - place.left) / place.width - left) / wide;
    const y = 1 - ((event.clientY - place.top) / place.height - top) / high;
    return { x, y };
  }

  read(event) {
    const place = this.at(event);
    if (!place) return;
    const panel = this.seen.panels[place.number];
    this.reading.textContent = sayAt(this.seen, panel, valueAt(panel.x, place.x));
  }

  begin(event) {
    const place = this.at(event);
    if (!place || event.button) return;
    this.box.setPointerCapture(event.pointerId);
    this.panel = place.number;
    this.drag = { event, moves: event.shiftKey, number: place.number, from: place[this.seen.zooms] };
  }

  pull(event) {
    if (!this.drag || this.drag.moves) return;
    const edge = this.box.getBoundingClientRect(), isX = this.seen.zooms === "x";
    const [a, b] = [this.drag.event, event].map((one) => (isX ? one.clientX - edge.left : one.clientY - edge.top));
    const [start, length] = isX ? ["left", "width"] : ["top", "height"];
    this.mark.removeAttribute("style");
    this.mark.style[start] = `${Math.min(a, b)}px`;
    this.mark.style[length] = `${Math.abs(a - b)}px`;
    this.mark.hidden = false;
  }

  end(event) {
    const drag = this.drag;
    this.drop();
    if (!drag || !this.seen) return;
    const { clientX, clientY } = drag.event;
    const far = this.seen.zooms === "x" ? event.clientX - clientX : event.clientY - clientY;
    if (Math.abs(far) < LEAST_DRAG) return;
    const to = this.shares(event, drag.number)[this.seen.zooms];
    this.zoom(drag.moves ? [drag.from - to, 1 + drag.from - to] : [drag.from, to].map(inside), drag.number);
  }

  drop() {
    this.drag = null;
    this.mark.hidden = true;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = KEYS[event.key] ?? ARROWS[this.seen?.zooms ?? "x"][event.key];
    if (!name) return;
    event.preventDefault();
    this.step(name);
  }

  listen() {
    const on = (name, does) => this.box.addEventListener(name, (event) => does.call(this, event));
    on("pointermove", this.read);
    on("pointermove", this.pull);
    on("pointerdown", this.read);
    on("pointerdown", this.begin);
    on("pointerup", this.end);
    on("pointercancel", this.drop);
    on("dblclick", () => this.go(""));
    on("keydown", this.press);
    on("dragstart", (event) => event.preventDefault());
    for (const button of this.figure.querySelectorAll(".tools button")) {
      button.addEventListener("click", () => this.step(button.dataset.does));
    }
    this.image.addEventListener("error", () => this.fail("the picture did not arrive"));
    this.figure.querySelector("details").addEventListener("toggle", () => this.fillTable());
    night.addEventListener("change", () => this.drawnWidth && this.draw());
    addEventListener("resize", () => this.resize());
    if (this.isOfPage) addEventListener("popstate", () => this.back());
  }

  back() {
    this.range = new URLSearchParams(location.search).get("range") ?? "";
    this.draw();
  }

  resize() {
    clearTimeout(this.resizing);
    this.resizing = setTimeout(() => this.drawnWidth && this.drawnWidth !== this.width && this.draw(), 300);
  }
}

const inside = (share) => Math.min(Math.max(share, 0), 1);

// What is seen in a picture, or an error; a server with too much to do is asked again.
async function ask(query, isWanted, say) {
  for (let tries = 1; ; tries++) {
    let answer;
    try {
      answer = await fetch(`/api/plot?${query}`);
      if (answer.status !== 503 || tries === MOST_TRIES) return await answer.json();
    } catch {
      return { error: { message: "the server does not answer" } };
    }
    if (isWanted()) say("Many pictures are being drawn; this one waits for its turn.");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    if (!isWanted()) return {};
  }
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function line(kind, cells) {
  const row = document.createElement("tr");
  for (const text of cells) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    if (kind === "th") cell.scope = "col";
    row.append(cell);
  }
  return row;
}

// A picture is asked for when it comes near the window.
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    views.get(target).draw();
  }
}, { rootMargin: "200px" });
const views = new Map();
for (const figure of document.querySelectorAll("figure.view")) {
  views.set(figure, new View(figure));
  near.observe(figure);
}
