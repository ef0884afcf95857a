"use strict";

// The page of a report over runs: a table that sorts, filters and hides columns; each cell leads to
// the runs of its row. All text enters the page as text, never as HTML.

function pressable(text, onPress) {
  const button = element("button", "", text);
  button.type = "button";
  button.addEventListener("click", onPress);
  return button;
}

class RunsTable {
  constructor(page) {
    this.page = page;
    this.hidden = new Set();
    this.order = null;  // number of a column; null is the order of the report
    this.descending = false;
    byId("filter").addEventListener("input", () => this.draw());
    byId("close").addEventListener("click", () => { byId("details").hidden = true; });
    this.addChoices();
    this.draw();
  }

  addChoices() {
    this.page.columns.forEach(({title}, number) => {
      const label = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.checked = true;
      box.dataset.column = number;
      box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(number);
        else this.hidden.add(number);
        this.draw();
      });
      label.append(box, ` ${title}`);
      byId("choices").append(label);
    });
  }

  /** Rows that match the filter, in the chosen order; those without a value stand last. */
  rows() {
    const words = fold(byId("filter").value).split(/\s+/).filter((word) => word !== "");
    const matches = this.page.rows.filter(({label}) => (
      words.every((word) => fold(label).includes(word))
    ));
    if (this.order === null) return matches;
    const sign = this.descending ? -1 : 1;
    const value = (row) => (this.order < 0 ? row.label : row.cells[this.order].value);
    return matches.map((row, place) => ({row, place})).sort((first, second) => {
      const [a, b] = [value(first.row), value(second.row)];
      if (a === null || b === null) return (a === null) - (b === null) || first.place - second.place;
      const compared = typeof a === "string" ? a.localeCompare(b) : a - b;
      return sign * compared || first.place - second.place;
    }).map(({row}) => row);
  }

  sortBy(number) {
    this.descending = this.order === number ? !this.descending : number >= 0;
    this.order = number;
    this.draw();
  }

  draw() {
    const shown = this.page.columns.map((column, number) => ({...column, number}))
      .filter(({number}) => !this.hidden.has(number));
    const heads = [{title: "configuration", number: -1}, ...shown].map(({title, number}) => {
      const head = element("th");
      const sorted = this.order === number;
      const arrow = sorted ? (this.descending ? " ↓" : " ↑") : "";
      head.scope = "col";
      if (sorted) head.ariaSort = this.descending ? "descending" : "ascending";
      head.append(pressable(title + arrow, () => this.sortBy(number)));
      return head;
    });
    const line = element("tr");
    line.append(...heads);
    const rows = this.rows();
    byId("table").tHead.replaceChildren(line);
    byId("table").tBodies[0].replaceChildren(...rows.map((row) => this.line(row, shown)));
    byId("count").textContent = `${rows.length} of ${this.page.rows.length} configurations`;
  }

  line(row, shown) {
    const line = element("tr", row.label === this.page.baseline ? "baseline" : "");
    const name = element("td");
    name.append(pressable(row.label, () => this.explain(row, null)));
    line.append(name, ...shown.map((column) => {
      const {text, spread, significant, value} = row.cells[column.number];
      const cell = element("td", significant ? "significant" : "");
      if (value === null) {
        cell.textContent = text;
        return cell;
      }
      const button = pressable(text, () => this.explain(row, column));
      if (spread) button.append(element("span", "spread", ` ${spread}`));
      cell.append(button);
      return cell;
    }));
    return line;
  }

  /** Show the runs of a row: values by seed, folder, hashes and command. */
  explain(row, column) {
    byId("chosen").textContent = row.label;
    byId("runs").replaceChildren(...row.runs.map((run) => {
      const part = element("div", "run");
      const link = element("a", "", run.run);
      link.href = run.link;
      const facts = element("dl");
      const add = (term, content) => {
        const description = element("dd");
        description.append(content);
        facts.append(element("dt", "", term), description);
      };
      add("seed", String(run.seed));
      add("run", link);
      add("command", element("code", "", run.origin.command));
      if (column && column.key in run.values) add(column.title, run.values[column.key]);
      const others = Object.entries(run.origin).filter(([name]) => name !== "command");
      others.forEach(([name, value]) => add(name, value));
      part.append(facts, this.options(run));
      return part;
    }));
    byId("details").hidden = false;
    byId("details").scrollIntoView({block: "nearest"});
  }

  options(run) {
    const details = element("details");
    const list = element("dl");
    Object.entries(run.configuration).forEach(([path, value]) => {
      list.append(element("dt", "", path), element("dd", "", JSON.stringify(value)));
    });
    details.append(element("summary", "", "configuration"), list);
    return details;
  }
}

/** Text for search: lower case, and with accents in one encoding. */
function fold(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

function start() {
  const page = JSON.parse(byId("data").textContent);
  byId("title").textContent = page.title;
  byId("description").textContent = page.description;
  byId("notes").replaceChildren(...page.notes.map((note) => element("li", "", note)));
  byId("pictures").replaceChildren(...page.pictures.map(({title, source}) => {
    const figure = element("figure");
    const image = element("img");
    image.src = source;
    image.alt = title;
    figure.append(image, element("figcaption", "quiet", title));
    return figure;
  }));
  new RunsTable(page);
  performance.mark("table shown");
}

start();
