"""Arguments and flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[
    Path,
    typer.Option("--run", metavar="DIR", help="A run's folder, or a bundle.", show_default=False),
]
Runs = Annotated[
    list[Path],
    typer.Option(
        "--run", metavar="DIR", help="A run's folder; several make an ensemble.", show_default=False
    ),
]
Device = Annotated[
    str,
    typer.Option(help="Where to compute, such as cpu or cuda:0; auto takes a GPU if there is one."),
]
Source = Annotated[
    Path, typer.Argument(metavar="SOURCE", help="Sentences, one a line.", show_default=False)
]
Target = Annotated[
    Path, typer.Argument(metavar="TARGET", help="Their translations.", show_default=False)
]
