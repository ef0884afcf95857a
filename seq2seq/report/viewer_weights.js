// Weights of a sentence, decoded when the sentence is selected.
//
// A block of the page holds the labels of both sides and, deflated and in base64, one byte per
// weight: for each role in the order of the page, each layer that has weights, and each head, the
// rows of a (queries, keys) matrix. A byte b is the weight (b / 254) squared; 255 is not finite.

const NOT_FINITE = 255;

class SentenceWeights {
  constructor(page, block, bytes) {
    const source = block.source;
    const [inputs, predicted] = [["<s>", ...block.target], [...block.target, "</s>"]];
    // Causal rows are labelled by the decoder's input, rows of cross-attention by its prediction.
    this.labels = {ENCODER: [source, source], CAUSAL: [inputs, inputs], CROSS: [predicted, source]};
    this.heads = page.heads;
    this.bytes = bytes;
    this.first = {};  // where a layer begins, by role
    let place = 0;
    for (const {role, layers} of page.roles) {
      const [rows, columns] = this.labels[role];
      this.first[role] = layers.map((layer) => {
        const start = place;
        if (layer.weights !== "none") place += page.heads * rows.length * columns.length;
        return start;
      });
    }
    if (place !== bytes.length) {
      throw new Error(`${bytes.length} weights where ${place} are expected`);
    }
  }

  /** {rows, columns, values}: labels and weights, row by row, of a head or the "mean" of all. */
  matrix(role, layer, head) {
    const [rows, columns] = this.labels[role];
    const size = rows.length * columns.length;
    const values = new Float32Array(size);
    const heads = head === "mean" ? [...Array(this.heads).keys()] : [head];
    for (const number of heads) {
      const first = this.first[role][layer] + number * size;
      for (let index = 0; index < size; index++) {
        const byte = this.bytes[first + index];
        values[index] += byte === NOT_FINITE ? NaN : (byte / 254) ** 2 / heads.length;
      }
    }
    return {rows, columns, values};
  }
}

/** An element once the browser has loaded it whole, or null; the list works while pages load. */
async function loadedBlock(id) {
  while (document.readyState === "loading" && !byId(id)?.nextElementSibling) {
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return byId(id);
}

/** The weights of sentence `number`, or null if the page has none. */
async function readWeights(page, number) {
  if (number >= page.with_attention) return null;
  const script = await loadedBlock(`attention-${number}`);
  if (script === null) return null;
  const block = JSON.parse(script.textContent);
  const packed = Uint8Array.from(atob(block.weights), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new SentenceWeights(page, block, new Uint8Array(await new Response(stream).arrayBuffer()));
}
