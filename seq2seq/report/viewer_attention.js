// The attention of a sentence: pickers of role, layer and head, their matrix, and an overview of
// all layers and heads of the role.

const AXES = {
  ENCODER: "Rows are source tokens (queries), columns the source tokens attended to (keys).",
  CAUSAL: "Rows are decoder inputs (queries), columns the inputs up to there (keys).",
  CROSS: "Rows are the target tokens that are predicted, columns the source tokens attended to.",
};

const MATRIX_HINT = "Point at a cell, or move into the matrix with Tab and the arrow keys, "
  + "to see the weights of its row.";

class AttentionView {
  constructor(page) {
    this.page = page;
    this.head = "mean";
    this.weights = null;
    this.matrix = new Matrix((at) => this.explain(at));
    const roles = page.roles.filter(({layers}) => layers.some(hasWeights));
    this.role = (roles.find(({role}) => role === "CROSS") ?? roles[0])?.role ?? null;
    this.makePickers();
    if (this.role !== null) this.fillLayers();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      colourOf.ramp = colourOf.notFinite = undefined;
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
        const mechanisms = [...new Set(layers.map((layer) => layer.mechanism))].join(", ");
        choice.title = `${mechanisms}: ${layers[0].description}`;
      }
      choice.append(input, text);
      byId("roles").append(choice);
      input.addEventListener("change", () => this.choose({role}));
    }
    byId("head").append(new Option(`mean of ${this.page.heads}`, "mean"));
    for (let head = 0; head < this.page.heads; head++) {
      byId("head").append(new Option(`head ${head}`, head));
    }
    byId("layer").addEventListener("change", ({target}) => {
      this.choose({layer: Number(target.value)});
    });
    byId("head").addEventListener("change", ({target}) => {
      this.choose({head: target.value === "mean" ? "mean" : Number(target.value)});
    });
  }

  get roleData() {
    return this.page.roles.find(({role}) => role === this.role);
  }

  get layers() {
    return this.roleData.layers;
  }

  /** Offer the layers of the role; keep the selected one if it has weights, else the last one. */
  fillLayers() {
    byId("layer").replaceChildren(...this.layers.map((layer, index) => {
      const kind = {attention: "", kernel: ", kernel scores", none: ": no weights"}[layer.weights];
      const option = new Option(`${index} (${layer.mechanism}${kind})`, index);
      option.disabled = !hasWeights(layer);
      return option;
    }));
    const selected = this.layers[this.layer];
    if (!selected || !hasWeights(selected)) this.layer = this.layers.findLastIndex(hasWeights);
    byId("layer").value = this.layer;
  }

  choose({role = this.role, layer = this.layer, head = this.head}) {
    const roleChanged = role !== this.role;
    Object.assign(this, {role, layer, head});
    if (roleChanged) {
      this.matrix.at = null;
      this.fillLayers();
    }
    byId("layer").value = this.layer;
    byId("head").value = this.head;
    this.draw();
  }

  async show(sentence) {
    this.number = sentence.number;
    byId("attention").ariaBusy = "true";  // it still shows the sentence selected before
    let [weights, problem] = [null, ""];
    if (this.role !== null) {
      try {
        weights = await readWeights(this.page, sentence.number);
      } catch (error) {
        problem = `The weights of this sentence cannot be read (${error.message}); `
          + "write the report again.";
      }
    }
    if (this.number !== sentence.number) return;  // the selection has changed since
    this.weights = weights;
    this.problem = problem || this.absence(sentence);
    this.matrix.at = null;
    byId("attention").ariaBusy = "false";
    this.draw();
  }

  /** Why there are no weights. */
  absence({number, source}) {
    if (this.role === null) return "No mechanism of this model has a weight per key position.";
    const count = this.page.with_attention;
    if (number >= count) {
      return `Only the first ${count} sentences have weights; write the page with more --sentences.`;
    }
    if (source.length === 0) return "The model does not read empty lines.";
    return "There are no weights of this sentence.";
  }

  draw() {
    const drawn = this.weights !== null;
    byId("attention").hidden = byId("reading").hidden = !drawn;
    this.note(drawn);
    if (!drawn) return;
    const head = this.head === "mean" ? "mean of heads" : `head ${this.head}`;
    const matrix = this.weights.matrix(this.role, this.layer, this.head);
    this.drawOverview();
    this.matrix.show(matrix, `${this.roleData.name}, layer ${this.layer}, ${head}`);
    performance.mark("attention shown");
  }

  note(drawn) {
    const note = byId("attention-note");
    note.textContent = drawn ? `${AXES[this.role]} ` : this.problem;
    if (!drawn) return;
    const {mechanism, weights, description} = this.layers[this.layer];
    note.append(`Mechanism ${mechanism}: `);
    if (weights === "kernel") {
      note.append(element("strong", "", `${description}; no softmax was computed.`));
    } else {
      note.append(`${description}.`);
    }
  }

  drawOverview() {
    const box = byId("overview");
    box.style.gridTemplateColumns = `max-content repeat(${this.page.heads}, 44px)`;
    const cells = [element("span", "axis corner", "layer / head")];
    for (let head = 0; head < this.page.heads; head++) cells.push(element("span", "axis", head));
    this.layers.forEach((layer, index) => {
      cells.push(element("span", "axis", index));
      if (!hasWeights(layer)) {
        const none = element("span", "none", `${layer.mechanism}: ${layer.description}`);
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
    const isPressed = layer === this.layer && (head === this.head || this.head === "mean");
    button.setAttribute("aria-pressed", String(isPressed));
    button.append(thumbnail(this.weights.matrix(this.role, layer, head)));
    button.addEventListener("click", () => this.choose({layer, head}));
    return button;
  }

  /** Show the weight of a cell as text, and the weights of its row on the tokens. */
  explain(at) {
    const {rows, columns, values} = this.matrix.matrix;
    const [readout, read] = [byId("readout"), byId("read")];
    readout.textContent = at === null ? MATRIX_HINT : "";
    if (at === null) {
      read.replaceChildren(...columns.map((text) => element("span", "", text)));
      return;
    }
    const [row, column] = at;
    const weight = values[row * columns.length + column];
    const verb = this.role === "CROSS" ? " is predicted from " : " attends to ";
    readout.append(element("bdi", "", rows[row]), verb, element("bdi", "", columns[column]));
    const value = Number.isFinite(weight) ? weight.toFixed(3) : "a weight that is not finite";
    readout.append(` with ${value}`);
    const shares = values.subarray(row * columns.length, (row + 1) * columns.length);
    const largest = largestOf(shares);
    read.replaceChildren(...columns.map((text, index) => {
      const token = element("span", index === column ? "at" : "", text);
      const [red, green, blue] = colourOf(shares[index] / largest);
      token.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
      token.style.color = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#111" : "#fff";
      return token;
    }));
  }
}

function hasWeights(layer) {
  return layer.weights !== "none";
}
