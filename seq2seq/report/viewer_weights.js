// Weights of a sentence, decoded when they are asked for.
//
// A block of the page holds the pieces of both sides and, deflated and in base64, one byte a weight: for each role in
// the order of the page, each layer that has weights, and each head, the rows of a (queries, keys) matrix. A byte b
// stands for (b / 254) squared, 255 for a number that is not finite.

const NOT_FINITE = 255;

class SentenceWeights {
  constructor(page, block, bytes) {
    const source = block.source;
    const [read, predicted] = [["<s>", ...block.target], [...block.target, "</s>"]];
    // Causal rows are named by the token that was read last, rows of cross-attention by the one that is predicted.
    this.labels = {ENCODER: [source, source], CAUSAL: [read, read], CROSS: [predicted, source]};
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
    if (place !== bytes.length) throw new Error(`${bytes.length} weights where ${place} are expected`);
  }

  /** {rows, columns, values}: labels, and the weights row by row, of a head or of the mean of all, "mean". */
  matrix(role, layer, head) {
    const [rows, columns] = this.labels[role];
    const size = rows.length * columns.length;
    const values = new Float32Array(size);
    const heads = head === "mean" ? [...Array(this.heads).keys()] : [head];
    for (const each of heads) {
      const first = this.first[role][layer] + each * size;
      for (let index = 0; index < size; index++) {
        const byte = this.bytes[first + index];
        values[index] += byte === NOT_FINITE ? NaN : (byte / 254) ** 2 / heads.length;
      }
    }
    return {rows, columns, values};
  }
}

/** An element that the browser has read to its end, or null. The list can be used while the rest is still read. */
async function wholeBlock(id) {
  while (document.readyState === "loading" && !byId(id)?.nextElementSibling) {
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return byId(id);
}

/** The weights of sentence `number`, or null where the page has none. */
async function readWeights(page, number) {
  if (number >= page.with_attention) return null;
  const script = await wholeBlock(`attention-${number}`);
  if (script === null) return null;
  const block = JSON.parse(script.textContent);
  const packed = Uint8Array.from(atob(block.weights), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new SentenceWeights(page, block, new Uint8Array(await new Response(stream).arrayBuffer()));
}
