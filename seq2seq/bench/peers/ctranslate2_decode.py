"""CTranslate2 with SentencePiece: `python -I ctranslate2_decode.py REQUEST STARTED`.

REQUEST is a JSON file of `seq2seq.bench.decoding`, whose `run` is a folder that
`seq2seq export ctranslate2` wrote. Beside ctranslate2 and sentencepiece nothing is imported, so
that memory is that of CTranslate2. It prints figures as JSON.
"""

import importlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any


class ExportDecoder:
    """The model and the subword models of an export.

    Args:
        request: with the settings of `seq2seq.bench.decoding_peers`.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        ctranslate2: Any = importlib.import_module("ctranslate2")
        sentencepiece: Any = importlib.import_module("sentencepiece")
        folder, self.settings = Path(request["run"]), request["settings"]
        models = folder / "tokenizer"
        names = ["joint.model", "joint.model"]
        if not (models / names[0]).is_file():
            names = ["source.model", "target.model"]
        self.source, self.target = (
            sentencepiece.SentencePieceProcessor(model_file=str(models / name)) for name in names
        )
        self.beam_size, self.threads = request["beam_size"], request["threads"]
        self.translator = ctranslate2.Translator(
            str(folder),
            device="cpu",
            compute_type="float32",
            inter_threads=self.settings["inter_threads"],
            intra_threads=self.settings["intra_threads"],
        )

    def translate(self, lines: list[str]) -> list[str]:
        """Translations by the beam search of the settings."""
        sources = self.source.encode(lines, out_type=str, num_threads=self.threads)
        longest = max(map(len, sources))
        limit = int(longest * self.settings["ratio"]) + self.settings["offset"]
        results = self.translator.translate_batch(
            sources,
            beam_size=self.beam_size,
            length_penalty=self.settings["alpha"],
            max_batch_size=self.settings["batch_size"],
            max_decoding_length=min(limit, self.settings["longest"]),
            suppress_sequences=[[token] for token in self.settings["banned"]],
        )
        pieces = [result.hypotheses[0] for result in results]
        translations: list[str] = self.target.decode(pieces)
        return translations


def main() -> None:
    path, started = sys.argv[1:]
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    clock = runpy.run_path(str(Path(__file__).with_name("decode_clock.py")))["clocked"]
    clock(ExportDecoder(request).translate, request, float(started))


if __name__ == "__main__":
    main()
