// Ranges of a plot's axis, as [low, high] in the server's units: seconds of a time, else the axis' own.

function unit(seen) {
  return seen.zooms === "x" ? (seen.x_unit_s ?? 1) : 1;
}

const bend = (axis) => (axis.is_log ? Math.log : Number);
const straighten = (axis) => (axis.is_log ? Math.exp : Number);

// What an axis shows at a share (0 to 1) of its length.
export function valueAt(axis, share) {
  const [low, high] = axis.limits.map(bend(axis));
  return straighten(axis)(low + (high - low) * share);
}

export function shareOf(axis, value) {
  const [low, high] = axis.limits.map(bend(axis));
  return (bend(axis)(value) - low) / (high - low);
}

// The range between two shares of a panel's axis; below 0 and above 1 is beyond what is shown.
export function between(seen, panel, shares) {
  const axis = panel[seen.zooms];
  return shares.map((share) => valueAt(axis, share) * unit(seen)).sort((a, b) => a - b);
}

// A panel that shows a range, also one that no picture could be drawn of, where the range is of this panel.
export function withRange(seen, number, range) {
  const panel = seen.panels[number], axis = panel[seen.zooms];
  const edges = range.split(",").slice(0, 2).map((edge) => Number(edge) / unit(seen));
  const limits = range && panelOf(range) === number ? edges : axis.limits;
  const isLog = axis.is_log && limits[0] > 0;
  return { ...panel, [seen.zooms]: { ...axis, limits, is_log: isLog } };
}

export function panelOf(range) {
  return Number(range.split(",")[2] ?? 0);
}

// A range as it is in an address: that of the first panel needs no number.
export function asText(range, number) {
  const edges = range.map((edge) => String(Number(edge.toPrecision(13))));
  return [...edges, ...(number ? [number] : [])].join(",");
}
