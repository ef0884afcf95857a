// The page: its data, and the parts that show the sentence chosen in the list.

/** Fill a list of terms with scores; the title of a score is shown on hovering. */
function fillScores(list, scores) {
  list.replaceChildren(...scores.map(({label, value, title}) => {
    const pair = element("div");
    pair.title = title;
    pair.append(element("dt", "", label), element("dd", "", value.toFixed(1)));
    return pair;
  }));
}

function start() {
  const page = JSON.parse(byId("data").textContent);
  page.sentences.forEach((sentence, number) => { sentence.number = number; });
  byId("title").textContent = page.title;
  byId("description").textContent = page.description;
  fillScores(byId("scores"), page.metrics.map(({label, score, signature}) => (
    {label, value: score, title: signature}
  )));

  const links = new LinkView(page.no_links);
  const attention = new AttentionView(page);
  const list = new SentenceList(page.sentences, page.metrics, page.word, (sentence) => {
    byId("number").textContent = `Sentence ${sentence.number + 1}`;
    fillScores(byId("sentence-scores"), page.metrics.map(({name, label}) => (
      {label, value: sentence.scores[name], title: `${label} of this sentence alone`}
    )));
    links.show(sentence);
    attention.show(sentence);
  });
  byId("previous").addEventListener("click", () => list.move(-1));
  byId("next").addEventListener("click", () => list.move(1));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input[type=search], select")) return;
    const actions = {
      j: () => list.move(1),
      k: () => list.move(-1),
      "/": () => byId("search").focus(),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
  list.update();
  list.chooseAt(0);
  performance.mark("sentences shown");
}

start();
