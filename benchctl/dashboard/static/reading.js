// What a plot says at a point, in words and as a table.
import { shareOf } from "./range.js";

const NEAR = 0.05; // of an axis: what is farther away is not what is pointed at

export function short(number) {
  return Number(number.toPrecision(5)).toString();
}

export function shownX(axis, value) {
  if (axis.is === "clock") return new Date(Math.round(value * 86_400_000)).toISOString();
  if (axis.is === "nines") return short((1 - 1 / value) * 100);
  return short(value);
}

function rows(count) {
  return `${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;
}

function withUnit(number, unit) {
  return unit ? `${short(number)} ${unit}` : short(number);
}

export function sayAt(seen, panel, x) {
  return seen.boxes.length ? sayBox(seen, panel, x) : sayPoints(panel, x);
}

function sayPoints(panel, x) {
  const distance = (point) => Math.abs(shareOf(panel.x, point[0]) - shareOf(panel.x, x));
  const near = panel.series
    .filter((one) => one.points.length)
    .map((one) => ({ ...one, point: one.points.reduce((a, b) => (distance(b) < distance(a) ? b : a)) }))
    .filter((one) => distance(one.point) < NEAR)
    .map((one) => `${one.label ? `${one.label} ` : ""}${sayValue(panel, one.point)}`);
  return `${panel.x.label} ${shownX(panel.x, x)}${near.length ? `: ${near.join(", ")}` : ""}`;
}

function sayValue(panel, [, y, count]) {
  if (panel.y.unit === "rows" || count === undefined) return withUnit(y, panel.y.unit);
  return `${withUnit(y, panel.y.unit)} (${rows(count)})`;
}

function sayBox(seen, panel, x) {
  const own = seen.boxes.filter((one) => one.panel === seen.panels.indexOf(panel));
  const box = own.find((one) => Math.abs(one.at - x) <= one.width / 2);
  if (!box) return "";
  const name = [box.name, box.of].filter((part, at, all) => part && all.indexOf(part) === at).join(", ");
  const numbers = ["low", "first", "median", "third", "high"].map((part) => `${WORDS[part]} ${short(box[part])}`);
  return `${name}: ${numbers.join(", ")}${box.unit ? ` ${box.unit}` : ""} (${rows(box.count)})`;
}

const WORDS = {
  low: "lower whisker",
  first: "first quartile",
  median: "median",
  third: "third quartile",
  high: "upper whisker",
};

// The head and the rows of a table of what is drawn.
export function tableOf(seen) {
  if (seen.boxes.length) {
    const parts = Object.keys(WORDS);
    const cells = (box) => [box.name, box.of, ...parts.map((part) => withUnit(box[part], box.unit)), String(box.count)];
    return { head: ["Box", "Of", ...Object.values(WORDS), "Rows"], rows: seen.boxes.map(cells) };
  }
  const cells = (panel, one, [x, y, count]) => [
    one.label || panel.y.label,
    `${panel.x.label} ${shownX(panel.x, x)}`,
    withUnit(y, panel.y.unit),
    count === undefined ? "" : String(count),
  ];
  const found = seen.panels.flatMap((panel) =>
    panel.series.flatMap((one) => one.points.map((point) => cells(panel, one, point))),
  );
  return { head: ["Series", "At", "Value", "Rows"], rows: found };
}
