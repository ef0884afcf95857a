// The attention of a sentence: pickers of role, layer and head, the matrix they choose, and all of a role at a glance.

const ROWS_ARE = {
  ENCODER: "Rows are source tokens, columns the source tokens that each of them reads.",
  CAUSAL: "Rows are the tokens the decoder has just read, columns the tokens up to there that it looks back at.",
  CROSS: "Rows are the tokens to be predicted, columns the source tokens read for them.",
};

const POINT = "Point at a cell, or move into the matrix with Tab and the arrow keys, to see where its row looks.";

class AttentionView {
  constructor(page) {
    this.page = page;
    this.head = "mean";
    this.weights = null;
    this.matrix = new Matrix((at) => this.explain(at));
    const able = page.roles.filter((each) => each.layers.some(hasWeights));
    this.role = (able.find((each) => each.role === "CROSS") ?? able[0])?.role ?? null;
    this.makePickers();
    if (this.role !== null) this.fillLayers();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      colourOf.ramp = colourOf.broken = undefined;
      this.draw();
    });
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) > 1) this.draw();
      width = entry.contentRect.width;
    }).observe(byId("attention"));
  }

  makePickers() {
    for (const {role, name, layers} of this.page.roles) {
      const choice = element("label", "choice");
      const input = element("input");
      Object.assign(input, {type: "radio", name: "role", value: role, checked: role === this.role});
      input.disabled = !layers.some(hasWeights);
      const text = element("span", "", name);
      if (input.disabled) {
        text.append(element("small", "", "no weights"));
        choice.title = `${[...new Set(layers.map((layer) => layer.mechanism))].join(", ")}: ${layers[0].says}`;
      }
      choice.append(input, text);
      byId("roles").append(choice);
      input.addEventListener("change", () => this.choose({role}));
    }
    byId("head").append(new Option(`mean of ${this.page.heads}`, "mean"));
    for (let head = 0; head < this.page.heads; head++) byId("head").append(new Option(`head ${head}`, head));
    byId("layer").addEventListener("change", ({target}) => this.choose({layer: Number(target.value)}));
    byId("head").addEventListener("change", ({target}) => {
      this.choose({head: target.value === "mean" ? "mean" : Number(target.value)});
    });
  }

  get chosen() {
    return this.page.roles.find((each) => each.role === this.role);
  }

  get layers() {
    return this.chosen.layers;
  }

  /** The layers of the chosen role; the last one with weights, unless the one chosen before has some. */
  fillLayers() {
    byId("layer").replaceChildren(...this.layers.map((layer, index) => {
      const kind = {attention: "", kernel: ", kernel scores", none: ": no weights"}[layer.weights];
      const option = new Option(`${index} (${layer.mechanism}${kind})`, index);
      option.disabled = !hasWeights(layer);
      return option;
    }));
    const chosen = this.layers[this.layer];
    if (!chosen || !hasWeights(chosen)) this.layer = this.layers.findLastIndex(hasWeights);
    byId("layer").value = this.layer;
  }

  choose({role = this.role, layer = this.layer, head = this.head}) {
    const other = role !== this.role;
    Object.assign(this, {role, layer, head});
    if (other) {
      this.matrix.at = null;
      this.fillLayers();
    }
    byId("layer").value = this.layer;
    byId("head").value = this.head;
    this.draw();
  }

  async show(sentence) {
    this.number = sentence.number;
    let [weights, problem] = [null, ""];
    if (this.role !== null) {
      try {
        weights = await readWeights(this.page, sentence.number);
      } catch (error) {
        problem = `The weights of this sentence cannot be read (${error.message}); write the report again.`;
      }
    }
    if (this.number !== sentence.number) return;  // another was chosen meanwhile
    this.weights = weights;
    this.problem = problem || this.absence(sentence);
    this.matrix.at = null;
    this.draw();
  }

  /** Why there are no weights to be seen. */
  absence({number, source}) {
    if (this.role === null) return "No mechanism of this model has a weight per key position.";
    const count = this.page.with_attention;
    if (number >= count) return `Only the first ${count} sentences have weights; write the page with more --sentences.`;
    return source.length === 0 ? "An empty line is not read by the model." : "There are no weights of this sentence.";
  }

  draw() {
    const drawn = this.weights !== null;
    byId("attention").hidden = byId("reading").hidden = !drawn;
    this.note(drawn);
    if (!drawn) return;
    const head = this.head === "mean" ? "mean of heads" : `head ${this.head}`;
    const matrix = this.weights.matrix(this.role, this.layer, this.head);
    this.drawOverview();
    this.matrix.show(matrix, `${this.chosen.name}, layer ${this.layer}, ${head}`);
    performance.mark("attention shown");
  }

  note(drawn) {
    const note = byId("attention-note");
    note.textContent = drawn ? `${ROWS_ARE[this.role]} ` : this.problem;
    if (!drawn) return;
    const {mechanism, weights, says} = this.layers[this.layer];
    note.append(`Mechanism ${mechanism}: `);
    if (weights === "kernel") note.append(element("strong", "", `${says}; no softmax was computed.`));
    else note.append(`${says}.`);
  }

  drawOverview() {
    const box = byId("overview");
    box.style.gridTemplateColumns = `max-content repeat(${this.page.heads}, 44px)`;
    const cells = [element("span", "axis corner", "layer / head")];
    for (let head = 0; head < this.page.heads; head++) cells.push(element("span", "axis", head));
    this.layers.forEach((layer, index) => {
      cells.push(element("span", "axis", index));
      if (!hasWeights(layer)) {
        const none = element("span", "none", `${layer.mechanism}: ${layer.says}`);
        none.style.gridColumn = "2 / -1";
        cells.push(none);
        return;
      }
      for (let head = 0; head < this.page.heads; head++) cells.push(this.button(index, head));
    });
    const focused = document.activeElement?.dataset.place;
    box.replaceChildren(...cells);
    if (focused) box.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  }

  button(layer, head) {
    const button = element("button");
    button.type = "button";
    button.dataset.place = `${layer}-${head}`;
    button.title = `layer ${layer}, head ${head}`;
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-pressed", String(layer === this.layer && (head === this.head || this.head === "mean")));
    button.append(thumbnail(this.weights.matrix(this.role, layer, head)));
    button.addEventListener("click", () => this.choose({layer, head}));
    return button;
  }

  /** Say what one cell is, and show where its row looks in the sentence. */
  explain(at) {
    const {rows, columns, values} = this.matrix.matrix;
    const [readout, read] = [byId("readout"), byId("read")];
    readout.textContent = at === null ? POINT : "";
    if (at === null) {
      read.replaceChildren(...columns.map((text) => element("span", "", text)));
      return;
    }
    const [row, column] = at;
    const weight = values[row * columns.length + column];
    const verb = this.role === "CROSS" ? " is predicted from " : " reads ";
    readout.append(element("bdi", "", rows[row]), verb, element("bdi", "", columns[column]));
    readout.append(` with ${Number.isFinite(weight) ? weight.toFixed(3) : "a weight that is not finite"}`);
    const shares = values.subarray(row * columns.length, (row + 1) * columns.length);
    const largest = largestOf(shares);
    read.replaceChildren(...columns.map((text, index) => {
      const piece = element("span", index === column ? "at" : "", text);
      const [red, green, blue] = colourOf(shares[index] / largest);
      piece.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
      piece.style.color = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#111" : "#fff";
      return piece;
    }));
  }
}

function hasWeights(layer) {
  return layer.weights !== "none";
}
