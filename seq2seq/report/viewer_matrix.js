// A matrix of weights: coloured cells, labels, and a cursor moved by the mouse or the arrow keys.

const SMALLEST_CELL = 14;  // pixels
const LARGEST_CELL = 26;

class Matrix {
  constructor(onPoint) {
    this.onPoint = onPoint;  // called with [row, column], or null
    this.at = null;  // [row, column]
    this.cells = byId("cells");
    this.cells.addEventListener("mousemove", (event) => this.onMouse(event));
    this.cells.addEventListener("mouseleave", () => {
      if (document.activeElement !== this.cells) this.point(null);
    });
    this.cells.addEventListener("keydown", (event) => this.onKey(event));
    this.cells.addEventListener("focus", () => { if (this.at === null) this.point([0, 0]); });
  }

  show(matrix, name) {
    this.matrix = matrix;
    const {rows, columns} = matrix;
    const width = Math.max(byId("attention").clientWidth - 420, 280);
    this.cell = Math.min(Math.max(Math.floor(width / columns.length), SMALLEST_CELL), LARGEST_CELL);
    byId("columns").replaceChildren(...columns.map((text) => this.label(text, "width")));
    byId("row-labels").replaceChildren(...rows.map((text) => this.label(text, "height")));
    const size = `${rows.length} rows and ${columns.length} columns`;
    this.cells.setAttribute("aria-label", `${name}, ${size}; arrow keys move`);
    this.paint();
    const [row, column] = this.at ?? [];
    this.point(this.at !== null && row < rows.length && column < columns.length ? this.at : null);
  }

  label(text, size) {
    const label = element("span");
    const inner = element("bdi", "", text);
    label.style[size] = `${this.cell}px`;
    label.title = text;
    label.append(inner);
    return label;
  }

  /** Paint the cells and the scale. */
  paint() {
    const {rows, columns, values} = this.matrix;
    const scale = Math.min(devicePixelRatio || 1, 2);
    const canvas = byId("canvas");
    canvas.width = columns.length * this.cell * scale;
    canvas.height = rows.length * this.cell * scale;
    canvas.style.width = `${columns.length * this.cell}px`;
    canvas.style.height = `${rows.length * this.cell}px`;
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const largest = largestOf(values);
    values.forEach((value, index) => {
      context.fillStyle = colour(value / largest);
      const [x, y] = [index % columns.length, Math.floor(index / columns.length)];
      context.fillRect(x * this.cell, y * this.cell, this.cell - 1, this.cell - 1);
    });
    byId("maximum").textContent = largest.toFixed(2);
    const bar = byId("scale").getContext("2d");
    for (let x = 0; x < 128; x++) {
      bar.fillStyle = colour(x / 127);
      bar.fillRect(x, 0, 1, 1);
    }
  }

  point(at) {
    this.at = at;
    for (const [axis, box] of [byId("row-labels"), byId("columns")].entries()) {
      for (const label of box.querySelectorAll(".at")) label.classList.remove("at");
      if (at !== null) box.children[at[axis]].classList.add("at");
    }
    const cursor = byId("cursor");
    cursor.hidden = at === null;
    if (at !== null) {
      cursor.style.top = `${at[0] * this.cell - 1}px`;
      cursor.style.left = `${at[1] * this.cell - 1}px`;
      cursor.style.width = cursor.style.height = `${this.cell + 1}px`;
    }
    this.onPoint(at);
  }

  onMouse(event) {
    const frame = byId("canvas").getBoundingClientRect();
    const places = [event.clientY - frame.top, event.clientX - frame.left];
    const [row, column] = places.map((place) => Math.floor(place / this.cell));
    const {rows, columns} = this.matrix;
    if (row < 0 || column < 0 || row >= rows.length || column >= columns.length) return;
    if (this.at === null || this.at[0] !== row || this.at[1] !== column) this.point([row, column]);
  }

  onKey(event) {
    const moves = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
    if (!(event.key in moves)) return;
    event.preventDefault();
    const sizes = [this.matrix.rows.length, this.matrix.columns.length];
    const from = this.at ?? [0, 0];
    this.point(from.map((place, axis) => {
      const moved = place + moves[event.key][axis];
      return Math.min(Math.max(moved, 0), sizes[axis] - 1);
    }));
    byId("cursor").scrollIntoView({block: "nearest", inline: "nearest"});
  }
}

/** The largest finite value; 1 if there is none above 0. */
function largestOf(values) {
  return values.reduce((largest, value) => (value > largest ? value : largest), 0) || 1;
}

/** [red, green, blue] of a weight as a share of the largest, on the style sheet's ramp. */
function colourOf(share) {
  colourOf.ramp ??= coloursNamed("--ramp");
  colourOf.notFinite ??= coloursNamed("--not-finite")[0];
  if (!Number.isFinite(share)) return colourOf.notFinite;
  const place = Math.min(Math.max(share, 0), 1) * (colourOf.ramp.length - 1);
  const below = Math.min(Math.floor(place), colourOf.ramp.length - 2);
  const above = colourOf.ramp[below + 1];
  return colourOf.ramp[below].map((value, channel) => (
    Math.round(value + (above[channel] - value) * (place - below))
  ));
}

/** The colours of a variable of the style sheet, such as "0 0 0, 255 255 255". */
function coloursNamed(name) {
  const stops = getComputedStyle(document.documentElement).getPropertyValue(name).split(",");
  return stops.map((stop) => stop.trim().split(" ").map(Number));
}

function colour(share) {
  return `rgb(${colourOf(share).join(" ")})`;
}

/** A picture of a matrix, one pixel per cell. */
function thumbnail({rows, columns, values}) {
  const canvas = document.createElement("canvas");
  canvas.width = columns.length;
  canvas.height = rows.length;
  const image = new ImageData(columns.length, rows.length);
  const largest = largestOf(values);
  values.forEach((value, index) => image.data.set([...colourOf(value / largest), 255], 4 * index));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
