"use strict";

// The list of sentences: search, order, and elements for the visible rows only.

const ROW_HEIGHT = 60;  // pixels, as the style sheet has it
const MARGIN_ROWS = 8;  // drawn above and below the visible rows

/**
 * Orders of the list by name: a label, the value of a sentence that is sorted by, and the fact that
 * a row shows. In file order a row shows its score by the first metric.
 */
function ordersOf(metrics, word) {
  const score = (name) => (sentence) => sentence.scores[name];
  const [first] = metrics;
  return {
    file: {
      label: "order in file",
      value: ({number}) => number,
      fact: ({scores}) => `${first.label} ${scores[first.name].toFixed(0)}`,
    },
    ...Object.fromEntries(metrics.map(({name, label}) => [
      `metric-${name}`,
      {label, value: score(name), fact: (sentence) => score(name)(sentence).toFixed(1)},
    ])),
    length: {
      label: "source length",
      value: ({source}) => source.length,
      fact: ({source}) => `${source.length} ${source.length === 1 ? word : `${word}s`}`,
    },
  };
}

class SentenceList {
  constructor(sentences, metrics, word, onChoose) {
    this.sentences = sentences;
    this.orders = ordersOf(metrics, word);
    this.onChoose = onChoose;
    this.order = "file";
    this.descending = false;
    this.selected = null;  // number of a sentence
    this.matches = sentences;  // of the search, in order
    this.box = byId("list");
    this.rows = byId("rows");
    for (const [name, {label}] of Object.entries(this.orders)) {
      byId("sort").append(new Option(label, name));
    }
    this.listen();
  }

  listen() {
    byId("search").addEventListener("input", () => this.update());
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        this.box.focus();
        this.chooseAt(0);
      }
    });
    byId("sort").addEventListener("change", (event) => {
      this.order = event.target.value;
      this.update();
    });
    byId("direction").addEventListener("click", () => {
      this.descending = !this.descending;
      this.update();
    });
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.rows.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(Number(row.dataset.number));
    });
    let waiting = false;
    const redraw = () => {
      if (!waiting) requestAnimationFrame(() => { waiting = false; this.draw(); });
      waiting = true;
    };
    this.box.addEventListener("scroll", redraw);
    addEventListener("resize", redraw);
  }

  /** Search and sort again. */
  update() {
    const query = fold(byId("search").value.trim());
    const {value} = this.orders[this.order];
    const sign = this.descending ? -1 : 1;
    this.matches = this.sentences
      .filter((sentence) => query === "" || this.text(sentence).includes(query))
      .sort((a, b) => sign * (value(a) - value(b)) || a.number - b.number);
    byId("direction").textContent = this.descending ? "↓ falling" : "↑ rising";
    const counts = [this.matches, this.sentences].map((list) => list.length.toLocaleString("en"));
    const [shown, all] = counts;
    byId("count").textContent = query === "" ? `${all} sentences` : `${shown} of ${all} sentences`;
    this.box.scrollTop = 0;
    this.rows.style.height = `${this.matches.length * ROW_HEIGHT}px`;
    this.reveal();
    this.draw();
  }

  text(sentence) {
    const {caption, source, hypothesis, reference} = sentence;
    const sides = caption ? [[caption], hypothesis, reference] : [source, hypothesis, reference];
    sentence.text ??= fold(sides.map((words) => words.join(" ")).join("\n"));
    return sentence.text;
  }

  draw() {
    const {scrollTop, clientHeight} = this.box;
    const first = Math.max(Math.floor(scrollTop / ROW_HEIGHT) - MARGIN_ROWS, 0);
    const end = Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + MARGIN_ROWS;
    const rows = this.matches.slice(first, end)
      .map((sentence, index) => this.row(sentence, first + index));
    this.rows.replaceChildren(...rows);
    const active = byId(`row-${this.selected}`);
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(sentence, place) {
    const row = element("div", "row");
    row.id = `row-${sentence.number}`;
    row.dataset.number = sentence.number;
    row.style.top = `${place * ROW_HEIGHT}px`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(sentence.number === this.selected));
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-setsize", this.matches.length);
    const source = element("span", "", sentence.caption || sentence.source.join(" ") || "(empty)");
    const hypothesis = element("span", "second", sentence.hypothesis.join(" ") || "(empty)");
    source.dir = hypothesis.dir = "auto";
    row.append(source, element("span", "fact", sentence.number + 1), hypothesis);
    row.append(element("span", "fact", this.orders[this.order].fact(sentence)));
    return row;
  }

  place() {
    return this.matches.findIndex((sentence) => sentence.number === this.selected);
  }

  choose(number) {
    this.selected = number;
    this.reveal();
    this.draw();
    this.onChoose(this.sentences[number]);
  }

  chooseAt(place) {
    const within = Math.min(Math.max(place, 0), this.matches.length - 1);
    if (this.matches.length) this.choose(this.matches[within].number);
  }

  /** Select the next or previous sentence; the first if none of the list is selected. */
  move(by) {
    this.chooseAt(this.place() < 0 ? 0 : this.place() + by);
  }

  reveal() {
    const top = this.place() * ROW_HEIGHT;
    if (top < 0) return;
    const last = this.box.scrollTop + this.box.clientHeight - ROW_HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top > last) this.box.scrollTop = top + ROW_HEIGHT - this.box.clientHeight;
  }

  onKey(event) {
    const page = Math.max(Math.floor(this.box.clientHeight / ROW_HEIGHT) - 1, 1);
    const moves = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.move(moves[event.key]);
  }
}

/** Text for search: lower case, and with accents in one encoding. */
function fold(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}
