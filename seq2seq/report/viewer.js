// The page: reads its data, and lets the list choose what the other parts show.

function fillScores(list, scores) {
  list.replaceChildren(...scores.map(([name, value, title]) => {
    const pair = element("div");
    pair.title = title;
    pair.append(element("dt", "", name), element("dd", "", value.toFixed(1)));
    return pair;
  }));
}

function start() {
  const page = JSON.parse(byId("data").textContent);
  page.sentences.forEach((sentence, number) => { sentence.number = number; });
  byId("title").textContent = page.title;
  byId("description").textContent = page.description;
  fillScores(byId("scores"), page.scores);

  const links = new LinkView(page.no_links);
  const attention = new AttentionView(page);
  const list = new SentenceList(page.sentences, (sentence) => {
    byId("number").textContent = `Sentence ${sentence.number + 1}`;
    const names = [["chrF", "chrf"], ["BLEU", "bleu"], ["TER", "ter"]];
    const scores = names.map(([name, key]) => [name, sentence[key], `${name} of this sentence alone`]);
    fillScores(byId("sentence-scores"), scores);
    links.show(sentence);
    attention.show(sentence);
  });
  byId("previous").addEventListener("click", () => list.move(-1));
  byId("next").addEventListener("click", () => list.move(1));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=search], select")) return;
    const actions = {j: () => list.move(1), k: () => list.move(-1), "/": () => byId("search").focus()};
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
  list.update();
  list.chooseAt(0);
  performance.mark("sentences shown");
}

start();
