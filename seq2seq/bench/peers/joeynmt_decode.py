"""JoeyNMT that decodes: `python -I joeynmt_decode.py REQUEST STARTED`.

REQUEST is a JSON file of `seq2seq.bench.decoding`, whose `run` is a folder that
`seq2seq.bench.joeynmt_model` wrote. Beside joeynmt, torch and sentencepiece nothing is imported. It
prints figures as JSON.
"""

import importlib
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch


class JoeyDecoder:
    """The model of a folder, in JoeyNMT.

    Args:
        request: with the settings of `seq2seq.bench.decoding_peers`.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        folder, self.settings = Path(request["run"]), request["settings"]
        sentencepiece: Any = importlib.import_module("sentencepiece")
        vocabulary: Any = importlib.import_module("joeynmt.vocabulary")
        building: Any = importlib.import_module("joeynmt.model")
        self.search: Any = importlib.import_module("joeynmt.search").search
        self.batch: Any = importlib.import_module("joeynmt.batch").Batch
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        symbols = SimpleNamespace(**described["special_symbols"], lang_tags=[], sep_token=None)
        self.words = vocabulary.Vocabulary(described["words"], symbols)
        self.model = building.build_model(described["model"], self.words, self.words).eval()
        self.model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
        for module in self.model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = described["norm_epsilon"]
        self.subwords = sentencepiece.SentencePieceProcessor(model_file=str(folder / "joint.model"))
        self.beam_size = request["beam_size"]

    def translate(self, lines: list[str]) -> list[str]:
        """Translations by JoeyNMT's search, in batches of similar lengths."""
        rows = self.subwords.encode(lines, out_type=str)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        size, translations = self.settings["batch_size"], [""] * len(lines)
        for first in range(0, len(order), size):
            places = order[first : first + size]
            ended = self._found([rows[place] for place in places])
            texts = self.subwords.decode(ended)
            for place, text in zip(places, texts, strict=True):
                translations[place] = text
        return translations

    def _found(self, rows: list[list[str]]) -> list[list[str]]:
        """The subwords of the translation of each row."""
        ids, lengths, _ = self.words.sentences_to_ids(rows, bos=False, eos=True)
        batch = self.batch(
            src=torch.tensor(ids),
            src_length=torch.tensor(lengths),
            src_prompt_mask=None,
            trg=None,
            trg_prompt_mask=None,
            indices=torch.arange(len(rows)),
            device=torch.device("cpu"),
            pad_index=self.words.pad_index,
            eos_index=self.words.eos_index,
            is_train=False,
        )
        limit = int(max(lengths) * self.settings["ratio"]) + self.settings["offset"]
        found, *_ = self.search(
            model=self.model,
            batch=batch,
            max_output_length=min(limit, self.settings["longest"]),
            beam_size=self.beam_size,
            beam_alpha=self.settings["alpha"],
            generate_unk=False,
        )
        sentences = self.words.arrays_to_sentences(found)
        return [[word for word in words if word != "</s>"] for words in sentences]


def main() -> None:
    path, started = sys.argv[1:]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    clock = runpy.run_path(str(Path(__file__).with_name("decode_clock.py")))["clocked"]
    with torch.inference_mode():
        clock(JoeyDecoder(request).translate, request, float(started))


if __name__ == "__main__":
    main()
