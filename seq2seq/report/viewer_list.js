"use strict";

// The list of sentences: search, order, and elements for no more rows than can be seen.

const ROW_HEIGHT = 60;  // pixels, as the style sheet has it
const BEYOND = 8;  // rows drawn above and below those in view

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

const byId = (id) => document.getElementById(id);

/** A new element. Text from data enters the page here and nowhere else, and only as text. */
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

class SentenceList {
  constructor(sentences, metrics, word, onChoose) {
    this.sentences = sentences;
    this.orders = ordersOf(metrics, word);
    this.onChoose = onChoose;
    this.order = "file";
    this.descending = false;
    this.chosen = null;  // number of a sentence
    this.shown = sentences;  // those found, in order
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
    const wanted = fold(byId("search").value.trim());
    const {value} = this.orders[this.order];
    const sign = this.descending ? -1 : 1;
    this.shown = this.sentences
      .filter((sentence) => wanted === "" || this.text(sentence).includes(wanted))
      .sort((a, b) => sign * (value(a) - value(b)) || a.number - b.number);
    byId("direction").textContent = this.descending ? "↓ falling" : "↑ rising";
    const [found, all] = [this.shown, this.sentences].map((list) => list.length.toLocaleString("en"));
    byId("count").textContent = wanted === "" ? `${all} sentences` : `${found} of ${all} sentences`;
    this.box.scrollTop = 0;
    this.rows.style.height = `${this.shown.length * ROW_HEIGHT}px`;
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
    const first = Math.max(Math.floor(this.box.scrollTop / ROW_HEIGHT) - BEYOND, 0);
    const end = Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_HEIGHT) + BEYOND;
    const seen = this.shown.slice(first, end);
    this.rows.replaceChildren(...seen.map((sentence, index) => this.row(sentence, first + index)));
    const active = byId(`row-${this.chosen}`);
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(sentence, place) {
    const row = element("div", "row");
    row.id = `row-${sentence.number}`;
    row.dataset.number = sentence.number;
    row.style.top = `${place * ROW_HEIGHT}px`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(sentence.number === this.chosen));
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-setsize", this.shown.length);
    const source = element("span", "", sentence.caption || sentence.source.join(" ") || "(empty)");
    const hypothesis = element("span", "second", sentence.hypothesis.join(" ") || "(empty)");
    source.dir = hypothesis.dir = "auto";
    row.append(source, element("span", "fact", sentence.number + 1), hypothesis);
    row.append(element("span", "fact", this.orders[this.order].fact(sentence)));
    return row;
  }

  place() {
    return this.shown.findIndex((sentence) => sentence.number === this.chosen);
  }

  choose(number) {
    this.chosen = number;
    this.reveal();
    this.draw();
    this.onChoose(this.sentences[number]);
  }

  chooseAt(place) {
    const within = Math.min(Math.max(place, 0), this.shown.length - 1);
    if (this.shown.length) this.choose(this.shown[within].number);
  }

  /** The sentence after the chosen one, or before it; the first where the chosen one is not in the list. */
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
    const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.move(moves[event.key]);
  }
}

/** Text as it is searched for: without case, and with one way to write an accent. */
function fold(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}
