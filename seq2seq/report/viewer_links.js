// Words of a sentence pair and the links between them.

const SVG = "http://www.w3.org/2000/svg";
const LINK_HINT = "Point at a word, or move to it with Tab and the arrow keys, to see its links.";

class LinkView {
  constructor(reason) {
    this.reason = reason;  // why there are no links; empty if there are some
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
    const reference = sentence.reference.map((text) => element("span", "", text));
    byId("reference").replaceChildren(...reference);
    this.drawAll();
    this.point(null);
  }

  /** Draw all links faintly if both sentences fit on a line; else only those pointed at. */
  drawAll() {
    const isOneLine = this.sides.every((side) => (
      new Set(this.words[side].map((word) => word.offsetTop)).size <= 1
    ));
    this.svg.replaceChildren(...(isOneLine ? this.links.map((link) => this.path(link)) : []));
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
    for (const word of [...this.words.source, ...this.words.hypothesis]) {
      word.classList.remove("active", "linked");
    }
    const absence = this.reason || "No words of this sentence are linked.";
    byId("link-note").textContent = this.links.length ? LINK_HINT : absence;
    if (side === null) return;
    const from = side === "source" ? 0 : 1;
    const to = 1 - from;
    const word = this.words[side][index];
    word.classList.add("active");
    const links = this.links.filter((link) => link[from] === index);
    const partners = links.map((link) => this.words[this.sides[to]][link[to]]);
    for (const partner of partners) partner.classList.add("linked");
    for (const link of links) {
      const path = this.path(link);
      path.classList.add("strong");
      this.svg.append(path);
    }
    const linked = partners.map((partner) => partner.textContent).join(", ") || "no link";
    if (this.links.length) byId("link-note").textContent = `${word.textContent} — ${linked}`;
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
    for (const sibling of this.words[to]) sibling.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  /** The word that a word is linked to on a side; without a link, the word with its index. */
  partner(side, to, index) {
    if (side === to) return index;
    const from = side === "source" ? 0 : 1;
    const link = this.links.find((pair) => pair[from] === index);
    return link ? link[1 - from] : Math.min(index, this.words[to].length - 1);
  }
}
