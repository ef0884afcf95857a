"""Which attention weights become word alignments, and how. Imports no torch."""

import enum
from dataclasses import dataclass, field


class LinkMethod(enum.Enum):
    argmax = "argmax"
    threshold = "threshold"
    mutual = "mutual"


@dataclass
class AlignmentConfig:
    """Options of alignment export."""

    enabled: bool | None = None
    layer: int = -1
    heads: list[int] = field(default_factory=list)
    shifted: bool = False
    method: LinkMethod = LinkMethod.argmax
    threshold: float = 0.2
    all_layers: bool = False
    heatmaps: int = 10

    def problems(self) -> list[str]:
        """What is wrong with these options, each as "option: what; what to choose"."""
        return []
