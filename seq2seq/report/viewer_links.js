// Words of a sentence pair and the links between them.

const SVG = "http://www.w3.org/2000/svg";
const HINT = "Point at a word, or move to it with Tab and the arrow keys, to see its links.";

class LinkView {
  constructor(why) {
    this.why = why;  // there are no links, where that is so
    this.svg = byId("links");
    this.sides = ["source", "hypothesis"];
    this.words = {source: [], hypothesis: []};
    this.links = [];
    for (const side of this.sides) this.listen(side);
    new ResizeObserver(() => this.drawAll()).observe(byId("pair"));
  }

  listen(side) {
    const box = byId(side);
    for (const [enter, leave] of [["mouseover", "mouseleave"], ["focusin", "focusout"]]) {
      box.addEventListener(enter, ({target}) => {
        const word = target.closest(".word");
        if (word) this.point(side, Number(word.dataset.index));
      });
      box.addEventListener(leave, () => this.point(null));
    }
    box.addEventListener("keydown", (event) => this.onKey(event, side));
  }

  show(sentence) {
    this.links = sentence.links ?? [];
    for (const side of this.sides) {
      this.words[side] = sentence[side].map((text, index) => {
        const word = element("span", "word", text);
        word.dataset.index = index;
        word.tabIndex = index === 0 ? 0 : -1;
        return word;
      });
      byId(side).replaceChildren(...this.words[side]);
    }
    byId("reference").replaceChildren(...sentence.reference.map((text) => element("span", "", text)));
    this.drawAll();
    this.point(null);
  }

  /** Where both sentences fit on a line, all links are drawn faintly; otherwise only those pointed at. */
  drawAll() {
    const oneLine = this.sides.every((side) => new Set(this.words[side].map((word) => word.offsetTop)).size <= 1);
    this.svg.replaceChildren(...(oneLine ? this.links.map((link) => this.path(link)) : []));
  }

  path([source, target]) {
    const frame = this.svg.getBoundingClientRect();
    const ends = [this.words.source[source], this.words.hypothesis[target]];
    const [above, below] = ends.map((word) => word.getBoundingClientRect());
    const [x1, x2] = [above, below].map((box) => (box.left + box.right) / 2 - frame.left);
    const [y1, y2] = [above.bottom - frame.top + 1, below.top - frame.top - 1];
    const path = document.createElementNS(SVG, "path");
    const middle = (y1 + y2) / 2;
    path.setAttribute("d", `M ${x1} ${y1} C ${x1} ${middle}, ${x2} ${middle}, ${x2} ${y2}`);
    path.dataset.link = `${source}-${target}`;
    return path;
  }

  /** Show the links of a word; of none for side null. */
  point(side, index = -1) {
    for (const path of this.svg.querySelectorAll(".strong")) path.remove();
    for (const word of [...this.words.source, ...this.words.hypothesis]) word.classList.remove("active", "linked");
    byId("link-note").textContent = this.links.length ? HINT : this.why || "No words of this sentence are linked.";
    if (side === null) return;
    const own = side === "source" ? 0 : 1;
    const found = this.links.filter((link) => link[own] === index);
    this.words[side][index].classList.add("active");
    for (const link of found) {
      this.words[this.sides[1 - own]][link[1 - own]].classList.add("linked");
      const path = this.path(link);
      path.classList.add("strong");
      this.svg.append(path);
    }
    const others = found.map((link) => this.words[this.sides[1 - own]][link[1 - own]].textContent);
    const text = `${this.words[side][index].textContent} — ${others.join(", ") || "no link"}`;
    if (this.links.length) byId("link-note").textContent = text;
  }

  onKey(event, side) {
    const word = event.target.closest(".word");
    if (!word) return;
    const back = getComputedStyle(byId(side)).direction === "rtl" ? 1 : -1;
    const index = Number(word.dataset.index);
    const places = {
      ArrowLeft: [side, index + back],
      ArrowRight: [side, index - back],
      Home: [side, 0],
      End: [side, this.words[side].length - 1],
      ArrowUp: ["source", this.partner(side, "source", index)],
      ArrowDown: ["hypothesis", this.partner(side, "hypothesis", index)],
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    const [to, place] = places[event.key];
    const next = this.words[to][place];
    if (!next) return;
    for (const other of this.words[to]) other.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** The word of the other side that a word is linked to, or else the one as far in. */
  partner(from, to, index) {
    if (from === to) return index;
    const own = from === "source" ? 0 : 1;
    const link = this.links.find((each) => each[own] === index);
    return link ? link[1 - own] : Math.min(index, this.words[to].length - 1);
  }
}
