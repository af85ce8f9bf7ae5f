"""narrows: autoencoders for people with pictures. The public names; everything else may change.

Names resolve when they are first used, so that `import narrows` costs torch at most and often nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from narrows._errors import BadData as BadData
    from narrows._errors import BadModelFile as BadModelFile
    from narrows._errors import BadOption as BadOption
    from narrows._errors import BadPairing as BadPairing
    from narrows._errors import BadPicture as BadPicture
    from narrows._errors import BadRun as BadRun
    from narrows._errors import CannotHold as CannotHold
    from narrows._errors import CannotWrite as CannotWrite
    from narrows._errors import NarrowsError as NarrowsError
    from narrows._errors import NotSupported as NotSupported
    from narrows._errors import RunStopped as RunStopped
    from narrows._errors import TrainingFailed as TrainingFailed
    from narrows._errors import UnknownName as UnknownName
    from narrows._errors import WouldOverwrite as WouldOverwrite
    from narrows._fit import fit as fit
    from narrows._registry import list_architectures as list_architectures
    from narrows._registry import list_kinds as list_kinds
    from narrows._registry import list_tasks as list_tasks
    from narrows.comparison import compare as compare
    from narrows.estimator import Autoencoder as Autoencoder
    from narrows.model.build import make as make
    from narrows.model.folder import save as save
    from narrows.training.config import TrainingConfig as TrainingConfig
    from narrows.using.loaded import LoadedModel as LoadedModel
    from narrows.using.loaded import load as load
    from narrows.using.restore import restore as restore

_PLACES = {
    **dict.fromkeys(
        (
            "BadData", "BadModelFile", "BadOption", "BadPairing", "BadPicture", "BadRun", "CannotHold",
            "CannotWrite", "NarrowsError", "NotSupported", "RunStopped", "TrainingFailed", "UnknownName",
            "WouldOverwrite",
        ),
        "_errors",
    ),
    **dict.fromkeys(("list_architectures", "list_kinds", "list_tasks"), "_registry"),
    "Autoencoder": "estimator",
    "compare": "comparison",
    "fit": "_fit",
    "LoadedModel": "using.loaded",
    "load": "using.loaded",
    "make": "model.build",
    "restore": "using.restore",
    "save": "model.folder",
    "TrainingConfig": "training.config",
}  # fmt: skip

__all__ = ["__version__", *sorted(_PLACES)]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'narrows' has no attribute {name!r}; it has {', '.join(__all__)}")
    import importlib

    return getattr(importlib.import_module(f"narrows.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
