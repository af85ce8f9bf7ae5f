"""Making a model: names and hyperparameters in, a network with its card out, every default filled in and explained."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, AbstractPrior, AbstractTask
from narrows._errors import BadOption, BadPairing, NotSupported, UnknownName
from narrows._registry import architectures, kinds, priors, tasks
from narrows.model.card import FORMAT
from narrows.model.model import Model
from narrows.model.options import checked, types_of
from narrows.nn.losses import get_loss, is_sigmoid

_SMALL_PICTURE = 16_384
"""Values up to which a fully connected net is the default: 73x73 in colour. In the first minute it is ahead of `conv`
(faces of 64x64, 0.99 and 1.02 of PCA's error; after 2.5 minutes 0.98 and 0.96: docs/log.md); beyond, its weights would
be too many."""

_WIDEST_CODE = 65_536
"""Of kinds that are narrowed by something else than the code's width."""


def make(
    *,
    shape: tuple[int, ...],
    target_shape: tuple[int, ...] | None = None,
    kind: str | None = None,
    architecture: str | None = None,
    task: str = "reconstruct",
    code_size: int | None = None,
    n_layers: int | None = None,
    n_nodes: int | tuple[int, ...] | list[int] | None = None,
    loss: str = "mse",
    options: dict[str, Any] | None = None,
    seed: int = 0,
) -> Model:
    """A fresh model for pictures of `shape` (C, H, W) or rows of `shape` (D,).

    `target_shape` is that of what comes out, where pairs say that it is another; only kinds with a vector code can.
    `options` go by name to the kind, the task or the architecture, whichever has them (`{"beta": 4.0}`).
    Weights are drawn from `seed`; torch's own generator is left where it was.

    Raises UnknownName, BadOption, BadPairing.
    """
    form = "picture" if len(shape) == 3 else "table"
    task_class = tasks[task]
    other = _other(shape, target_shape)
    kind, architecture, code_size, reasons = _choose(task_class, kind, architecture, code_size, shape, other)
    kind_class, arch_class = kinds[kind], architectures[architecture]
    _check_pairing(form, task, task_class, kind, kind_class, architecture, arch_class, loss)
    if other is not None and "vector" not in kind_class.needs:
        raise BadPairing(
            f"{kind} keeps the size and the channels of a picture, and {_sizes(shape)} is to become {_sizes(other)}: "
            f"--kind undercomplete, or --channels 3 where only the colours differ"
        )
    if not isinstance(options, (Mapping, type(None))):
        raise BadOption(f"options={options!r:.80}; it takes names with their values: options={{'beta': 4.0}}")
    options = dict(options or {})
    task_options = _take(options, task_class)
    kind_options = _take(options, kind_class, but=("net", "loss", "code_size"))
    own = _parameters(arch_class)
    options = {name: value for name, value in kind_class.net_options.items() if name in own} | options
    arch_options = _take(options, arch_class, but=("shape", "target_shape", "extra", "n_layers", "n_nodes"))
    if options:
        known = [n for c in (kind_class, task_class, arch_class) for n in _parameters(c) if n not in _OWN]
        raise UnknownName.of("option", next(iter(options)), known or ["(none)"])
    code_size, why = _code_size(kind, kind_class, code_size, shape)
    reasons |= why
    plan = arch_class.plan(shape, n_layers, tuple(n_nodes) if isinstance(n_nodes, list) else n_nodes, code_size)
    reasons |= plan.reasons
    card = {
        "format": FORMAT,
        "narrows": _version(),
        "form": form,
        "shape": list(shape),
        "kind": {"name": kind, "options": kind_options | ({} if code_size is None else {"code_size": code_size})},
        "architecture": {
            "name": architecture,
            "options": arch_options | {"n_layers": plan.n_layers, "n_nodes": list(plan.n_nodes)},
        },
        "task": {"name": task, "options": task_options},
        "loss": loss,
        "link": get_loss(loss, kind_class.link if form == "picture" else "identity").link.name,
        "data": {},
        "training": {"seed": seed},
        "scores": {},
        "about": {"reasons": reasons},
        **({} if other is None else {"target_shape": list(other)}),
    }
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would set those of GPUs too, for good
        return build(card)


def kind_for(
    task: str,
    kind: str | None,
    architecture: str | None,
    code_size: int | None,
    shape: tuple[int, ...],
    target_shape: tuple[int, ...] | None = None,
) -> str:
    """The kind that `make` takes when it is told so much. Raises UnknownName."""
    other = _other(shape, target_shape)
    return _choose(tasks[task], kind, architecture, code_size, shape, other)[0]


def build(card: dict[str, Any]) -> Model:
    """The network that a card describes, with weights drawn from torch's own generator.

    Raises UnknownName, BadOption, BadPairing, and TypeError for options that the constructor does not have.
    """
    shape = tuple(card["shape"])
    task = tasks[card["task"]["name"]](**card["task"]["options"])
    settings = dict(card["architecture"]["options"])
    settings["n_nodes"] = tuple(settings["n_nodes"])
    if "target_shape" in card:
        settings["target_shape"] = tuple(card["target_shape"])
    net: AbstractArchitecture = architectures[card["architecture"]["name"]](shape=shape, extra=task.extra, **settings)
    autoencoder: AbstractAutoencoder = kinds[card["kind"]["name"]](
        net=net, loss=get_loss(card["loss"], card["link"]), **card["kind"]["options"]
    )
    model = Model(card, net=net, autoencoder=autoencoder, task=task)
    if "prior" in card:
        model.prior = make_prior(model, card["prior"]["name"], card["prior"]["options"])[0]
    return model


def make_prior(model: Model, name: str, options: dict[str, Any]) -> tuple[AbstractPrior, dict[str, Any]]:
    """An unfitted prior for the model's codes, and all of its options, with weights drawn from torch's own generator.

    Raises UnknownName, BadOption, NotSupported for a model without a code, BadPairing for one whose codes are of the
    other sort.
    """
    prior_class: type[AbstractPrior] = priors[name]
    if model.code_shape is None:
        raise NotSupported(f"this model's kind, {model.kind}, has no code, so there is nothing to draw")
    accepted = model.code_form
    if prior_class.accepts != accepted:
        fit = model.usual_prior
        raise BadPairing(
            f"{name} draws {prior_class.accepts}; {model.kind} has codes that are {accepted}: "
            f"{f'--prior {fit}' if fit else 'no prior draws these'}"
        )
    left = dict(options)
    taken = _take(left, prior_class, but=("code_shape", "count"))
    if left:
        raise UnknownName.of("option", next(iter(left)), taken or ["(none)"])
    shape = model.code_shape[1:] if accepted == "indices" else model.code_shape
    count = None if model.autoencoder.bits is None else round(2**model.autoencoder.bits)
    return prior_class(code_shape=shape, count=count, **taken), taken


_OWN = frozenset({"net", "loss", "code_size", "shape", "target_shape", "extra", "n_layers", "n_nodes"})


def _other(shape: tuple[int, ...], target_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The shape of what comes out, where it is another than that of what goes in."""
    return None if target_shape is None or tuple(target_shape) == tuple(shape) else tuple(target_shape)


def _choose(
    task_class: type[AbstractTask],
    kind: str | None,
    architecture: str | None,
    code_size: int | None,
    shape: tuple[int, ...],
    other: tuple[int, ...] | None,
) -> tuple[str, str, int | None, dict[str, str]]:
    """Kind and architecture where they were not said."""
    reasons = {}
    if kind is None:
        kind = task_class.kind
        reasons["kind"] = "what this task is best done with"
        whole = "whole" in kinds[kind].needs
        if whole and (code_size is not None or (architecture and "whole" not in architectures[architecture].offers)):
            kind, reasons["kind"] = "undercomplete", "a code was asked for"
        elif whole and other is not None:
            kind, reasons["kind"] = "undercomplete", "pictures of one shape become pictures of another"
    if architecture is None:
        architecture = task_class.architecture
        reasons["architecture"] = "what this task is best done with"
        needs = kinds[kind].needs
        if architecture == "auto" or not needs <= architectures[architecture].offers:
            values = math.prod(shape)
            small = len(shape) == 1 or values <= _SMALL_PICTURE
            architecture = "mlp" if small and "vector" in needs else "conv"
            reasons["architecture"] = (
                f"{values} values: fully connected, which begins at PCA"
                if architecture == "mlp"
                else f"{values} values are many: convolutions need fewer weights"
                if not small
                else f"{kind} has a code at every place of a picture, which convolutions give"
            )
    return kind, architecture, code_size, reasons


def _check_pairing(
    form: str,
    task: str,
    task_class: type[AbstractTask],
    kind: str,
    kind_class: type[AbstractAutoencoder],
    architecture: str,
    arch_class: type[AbstractArchitecture],
    loss: str,
) -> None:
    """Refuse, in a sentence, what cannot work together."""
    if form not in task_class.accepts:
        raise BadPairing(f"{task} works on {_only(task_class)}; this is a {form}: --task reconstruct")
    fit = [n for n in architectures if kind_class.needs <= architectures[n].offers and form in architectures[n].accepts]
    if not fit:
        others = "pictures" if form == "table" else "tables"
        raise BadPairing(f"{kind} works on {others} only; this is a {form}: --kind undercomplete")
    if not kind_class.needs <= arch_class.offers:
        raise BadPairing(
            f"{kind} needs an architecture that offers {_names(kind_class.needs)}; {architecture} offers "
            f"{_names(arch_class.offers)}: --arch {fit[0]}"
        )
    if form not in arch_class.accepts:
        raise BadPairing(f"{architecture} works on {_only(arch_class)}; this is a {form}: --arch {fit[0]}")
    if form == "table" and is_sigmoid(loss):
        raise BadPairing(f"{loss} is for values in [0, 1], and the columns of a table are standardised: --loss mse")
    if "whole" in kind_class.needs and is_sigmoid(loss):
        raise BadPairing(
            f"{kind} adds to its input, and {loss} would bend the sum by a sigmoid: --loss mse, l1 or auto"
        )
    if "density" in kind_class.needs_loss and not get_loss(loss).is_density:
        raise BadPairing(f"{kind} needs a loss that is a density; {loss} is none: --loss mse, l1, logistic or bce")


def _code_size(
    kind: str, kind_class: type[AbstractAutoencoder], code_size: int | None, shape: tuple[int, ...]
) -> tuple[int | None, dict[str, str]]:
    if "code_size" not in _parameters(kind_class):
        if code_size is not None:
            raise BadOption(f"{kind} has no code, so it takes no code_size; leave it out or take --kind undercomplete")
        return None, {}
    values, reasons = math.prod(shape), {}
    own = _parameters(kind_class)["code_size"].default
    if code_size is None and own is not inspect.Parameter.empty:
        code_size, reasons["code_size"] = own, f"what {kind} takes at every place of its grid"
    if code_size is None:
        # A 25th of the values, as 30 of MNIST's 784, and 8 to 128; tables are small, and keep half of their columns.
        code_size = max(1, values // 2) if len(shape) == 1 and values <= 16 else max(8, min(128, round(values / 25)))
        code_size = min(code_size, values)
        reasons["code_size"] = (
            f"half of {values} columns"
            if len(shape) == 1 and values <= 16
            else f"a 25th of {values} values, and 8 to 128"
        )
    if isinstance(code_size, bool) or not isinstance(code_size, int):
        raise BadOption(f"code_size={code_size!r}; it takes a whole number, such as --code-size 32")
    most = _WIDEST_CODE if kind_class.may_be_wider or "grid" in kind_class.needs else values
    if not 1 <= code_size <= most:
        raise BadOption(
            f"code_size={code_size}; an input of {values} values takes a code of 1 to {most}, such as "
            f"--code-size {max(1, min(32, values // 2))}"
        )
    return code_size, reasons


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    return {n: p for n, p in inspect.signature(cls).parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _take(options: dict[str, Any], cls: type, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """The constructor's own options, of its types, defaults filled in; what is taken leaves `options`."""
    taken, wanted = {}, types_of(cls)
    for name, parameter in _parameters(cls).items():
        if name in but:
            continue
        if name in options:
            taken[name] = checked(name, options.pop(name), wanted.get(name, Any), parameter.default)
        elif parameter.default is not inspect.Parameter.empty:
            taken[name] = parameter.default
        else:
            raise BadOption(f"{cls.__name__.lower()} needs a value for {name}: --set {name}=...")
    return taken


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _only(thing: type[AbstractArchitecture] | type[AbstractTask]) -> str:
    return " and ".join(f"{form}s" for form in sorted(thing.accepts)) + (" only" if len(thing.accepts) == 1 else "")


def _names(things: frozenset[str]) -> str:
    return " or ".join(sorted(things))


def _version() -> str:
    from narrows import __version__

    return __version__
