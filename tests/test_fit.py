"""The main job: data in, a model folder with its report out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows._errors import BadOption, BadPairing, BadRun, UnknownName, WouldOverwrite
from narrows._fit.making import make_model
from narrows._fit.parts import split_parts
from narrows._fit.settings import parse_settings
from narrows.data.reading import read
from narrows.data.sources import PatchSource
from narrows.training.runs import Run


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    return (load_digits().images[:200] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "model"
    return narrows.fit(digits, steps=200, code_size=6, out=folder, command="narrows fit digits")


@pytest.mark.parametrize("table", ["a.csv", "all are resized to 8.csv"])
@pytest.mark.parametrize("sizes", [(16,), (16, 24)])
def test_patches_are_learned_where_pictures_differ_in_size_whatever_files_are_called(
    table, sizes, picture_folder, drawn
):
    folder = picture_folder(8, 16, 16)
    for number, size in enumerate(sizes):
        Image.fromarray(drawn(size, size, seed=50 + number)[..., 0]).save(folder / f"more-{number}.png")
    (folder / table).write_text("a,b\n1,2\n")
    chosen, config = parse_settings({"task": "denoise", "patch": 16})
    dataset = read(folder)
    parts = split_parts(dataset, chosen, make_model(dataset, chosen, config), config.seed)
    assert isinstance(parts.training, PatchSource) == (len(sizes) > 1)


def weights(fitted):
    return fitted.model.model.state_dict()


def test_the_folder_holds_the_model_its_report_and_its_run(fitted):
    names = {path.name for path in fitted.folder.iterdir()}
    assert {"model.safetensors", "model.json", "README.md", "report.html", "run"} <= names
    assert "network" in fitted.report.read_text(encoding="utf-8")


def test_checkpoints_stay_until_the_model_is_written_and_no_longer(digits, tmp_path):
    def files():
        return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("checkpoint-*"))

    seen = []
    settings = {"task": "denoise", "kind": "undercomplete", "code_size": 4, "steps": 4}
    narrows.fit(digits, out=tmp_path, progress=lambda event: seen.append((event["event"], files())), **settings)
    kept = dict(seen)["judging"]
    assert {str(Path(name).parent) for name in kept} == {"run", "run/direct"}
    assert files() == [] and (tmp_path / "run" / "events.jsonl").exists()


def test_the_card_says_what_was_given_and_why_the_rest_was_chosen(fitted):
    about = fitted.model.card["about"]
    assert "code_size" in about["given"] and "code_size" not in about["reasons"]
    assert {"kind", "architecture", "n_layers", "n_nodes", "loss"} <= about["reasons"].keys()
    assert fitted.model.card["training"]["total"] == 200


def test_a_finished_model_is_not_written_over(fitted, digits):
    with pytest.raises(WouldOverwrite, match="--force"):
        narrows.fit(digits, steps=200, code_size=6, out=fitted.folder)


@pytest.mark.parametrize("name", ["README.md", "report.html", "model.json"])
def test_files_of_the_user_in_the_place_of_a_model_are_not_written_over(digits, tmp_path, name):
    (tmp_path / name).write_text("notes")
    with pytest.raises(WouldOverwrite, match=f"{name} .*--out.*--force"):
        narrows.fit(digits, steps=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "notes"
    narrows.fit(digits, steps=1, out=tmp_path, force=True)
    assert (tmp_path / name).read_text() != "notes"


def test_a_run_that_was_stopped_before_its_weights_goes_on_over_its_own_files(digits, tmp_path):
    narrows.fit(digits, steps=1, out=tmp_path)
    (tmp_path / "model.safetensors").unlink()
    narrows.fit(digits, steps=1, out=tmp_path)


def test_a_run_goes_on_only_with_its_own_settings_and_data(digits, tmp_path):
    def stop(event):
        if event["event"] == "judging":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        narrows.fit(digits, steps=10, out=tmp_path, progress=stop)
    with pytest.raises(BadRun, match="steps=10"):
        narrows.fit(digits, steps=20, out=tmp_path)
    with pytest.raises(BadRun, match="other data"):
        narrows.fit(digits[:150], steps=10, out=tmp_path)


def test_a_run_that_never_began_to_learn_holds_nobody_to_its_settings(digits, tmp_path):
    with pytest.raises(BadOption, match="--device cpu"):
        narrows.fit(digits, steps=2, device="mps", out=tmp_path)
    narrows.fit(digits, steps=2, device="cpu", out=tmp_path)
    with Run.open(tmp_path / "other" / "run") as run:
        run.begin({"job": {}})  # stopped before its first checkpoint
    narrows.fit(digits, steps=2, out=tmp_path / "other")


def test_the_same_seed_gives_the_same_bits_and_another_gives_others(digits):
    first, again, other = (weights(narrows.fit(digits, steps=10, seed=seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_without_a_place_nothing_is_written(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = narrows.fit(digits, steps=5)
    assert found.folder is None and found.report is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", [
    {"size": (8, 8)}, {"channels": 3}, {"patch": 32}, {"shift": 1}, {"mirror": True}, {"group_by": "folder"},
])  # fmt: skip
def test_what_is_done_with_pictures_alone_is_refused_for_a_table(setting):
    rows = np.random.default_rng(0).normal(size=(30, 4))
    name = next(iter(setting))
    with pytest.raises(BadOption, match=rf"{name}=.* is for pictures; .* --{name.replace('_', '-')}$"):
        narrows.fit(rows, steps=1, **setting)
    narrows.fit(rows, steps=1, shift=0, mirror=False)


def test_binary_pictures_get_cross_entropy_and_a_reason(digits):
    found = narrows.fit((digits > 0.5).astype(np.float32), steps=5)
    assert found.model.card["loss"] == "bce"
    assert "within" in found.model.card["about"]["reasons"]["loss"]


@pytest.mark.parametrize("settings", [{"task": "denoise"}, {"kind": "sparse", "code_size": 20}])
def test_a_net_whose_result_is_a_sum_is_not_bent_by_a_sigmoid_because_pictures_are_binary(digits, settings):
    found = narrows.fit((digits > 0.5).astype(np.float32), steps=3, n_nodes=8, **settings)
    assert found.model.card["loss"] == "mse" and "a sum" in found.model.card["about"]["reasons"]["loss"]


def test_a_code_that_learns_by_cross_entropy_is_set_beside_a_direct_net_that_does_not(digits):
    settings = {"task": "denoise", "code_size": 6, "loss": "bce", "learn_from": "clean"}
    found = narrows.fit((digits > 0.5).astype(np.float32), steps=3, **settings)
    assert "direct" in found.judgement.alternatives


def test_training_begins_with_the_weights_of_another_model(fitted, digits):
    settings = {"steps": 2, "code_size": 6, "options": {"start": "random"}}
    alone = narrows.fit(digits, **settings)
    begun = narrows.fit(digits, **settings, begin_with=str(fitted.folder))  # which began otherwise: that is no matter
    assert begun.judgement.network.errors.mean() < 0.5 * alone.judgement.network.errors.mean()


def test_a_model_with_a_critic_can_be_begun_with(digits, tmp_path):
    narrows.fit(digits, steps=2, kind="aae", code_size=6, out=tmp_path)
    narrows.fit(digits, steps=2, kind="aae", code_size=6, begin_with=str(tmp_path))


def test_another_task_takes_the_weights_and_what_it_sees_more_is_without_influence_at_first(digits, tmp_path):
    still = {"steps": 1, "learning_rate": 1e-12, "n_nodes": (8, 12)}
    narrows.fit(digits, steps=3, task="denoise", n_nodes=(8, 12), out=tmp_path / "denoise")
    sharpen = narrows.fit(
        digits, task="sharpen", begin_with=str(tmp_path / "denoise"), out=tmp_path / "sharpen", **still
    )
    inpaint = narrows.fit(digits, task="inpaint", begin_with=str(tmp_path / "sharpen"), **still)
    x = torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    told_nothing, all_marked = torch.cat([x, torch.zeros_like(x)], 1), torch.cat([x, torch.ones_like(x)], 1)
    with torch.no_grad():
        wanted = narrows.load(tmp_path / "denoise").model.autoencoder.restore(told_nothing)
        for model, shown in ((sharpen.model.model, x), (inpaint.model.model, all_marked)):
            torch.testing.assert_close(model.autoencoder.restore(shown), wanted, atol=1e-5, rtol=0)


def test_weights_keep_the_link_that_they_were_learned_under(digits, tmp_path):
    before = narrows.fit(digits, steps=3, code_size=6, loss="logistic", out=tmp_path / "before").model.model
    still = {"steps": 1, "learning_rate": 1e-12, "code_size": 6, "loss": "mse"}
    after = narrows.fit(digits, begin_with=str(tmp_path / "before"), out=tmp_path / "after", **still).model.model
    x = torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    wanted = before.autoencoder.restore(x)
    for model in (after, narrows.load(tmp_path / "after").model):
        assert model.card["link"] == "sigmoid"
        torch.testing.assert_close(model.autoencoder.restore(x), wanted, atol=1e-6, rtol=0)
    assert narrows.fit(digits, **still).model.model.card["link"] == "clamp"


@pytest.mark.parametrize(("kind", "architecture"), [("undercomplete", "mlp"), ("vampprior", "conv")])
def test_so_does_another_task_through_a_code(kind, architecture, digits, tmp_path):
    net = {"kind": kind, "architecture": architecture, "code_size": 6, "n_nodes": 8}
    plain = narrows.fit(digits, **net, steps=3, out=tmp_path / "plain")
    still = net | {"steps": 1, "learning_rate": 1e-12, "twin": False}
    narrows.fit(digits, task="inpaint", begin_with=str(tmp_path / "plain"), out=tmp_path / "inpaint", **still)
    back = narrows.fit(digits, begin_with=str(tmp_path / "inpaint"), **still)
    x = torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = plain.model.model.autoencoder.restore(x)
        for model, shown in (
            (narrows.load(tmp_path / "inpaint"), torch.cat([x, torch.ones_like(x)], 1)),
            (back.model, x),
        ):
            torch.testing.assert_close(model.model.autoencoder.restore(shown), wanted, atol=1e-5, rtol=0)


def test_a_net_of_any_size_begins_only_with_weights_for_as_many_channels(digits):
    with pytest.raises(BadPairing, match=r"its shape is \[3, .*leave out --from"):
        narrows.fit(digits, task="denoise", steps=1, begin_with="denoise-colour")


def test_training_begins_only_with_the_same_net(fitted, digits):
    with pytest.raises(BadPairing, match="kind is"):
        narrows.fit(digits, steps=2, code_size=7, begin_with=str(fitted.folder))


def test_a_code_of_one_size_begins_only_with_weights_of_that_size(digits, tmp_path):
    narrows.fit(digits, steps=1, architecture="conv", code_size=6, out=tmp_path)
    with pytest.raises(BadPairing, match="shape is"):
        narrows.fit(digits[:, :6, :6], steps=1, architecture="conv", code_size=6, begin_with=str(tmp_path))


def test_training_may_go_on_with_another_option_that_leaves_the_weights_as_they_are(digits, tmp_path):
    once = narrows.fit(digits, steps=20, kind="variational", code_size=6, out=tmp_path)
    on = narrows.fit(digits, steps=1, kind="variational", code_size=6, options={"beta": 3.0}, begin_with=str(tmp_path))
    assert on.model.card["kind"]["options"]["beta"] == 3.0
    assert on.judgement.network.errors.mean() < 1.1 * once.judgement.network.errors.mean()


def test_the_card_says_what_was_chosen_for_what_was_not_said(digits):
    card = narrows.fit(digits, steps=1, code_size=6).model.card
    rows = card["data"]["examples"]["training"]
    assert (card["training"]["learning_rate"], card["training"]["batch_size"]) == (0.004, rows // 10)
    assert narrows.fit(digits, steps=1, task="denoise", n_nodes=(8, 8)).model.card["training"]["learning_rate"] == 0.001
    told = narrows.fit(digits, steps=1, code_size=6, learning_rate=0.02, batch_size=7).model.card["training"]
    assert (told["learning_rate"], told["batch_size"]) == (0.02, 7)


def test_moved_pictures_teach_otherwise_but_are_judged_as_they_are(digits):
    still = narrows.fit(digits, steps=10)
    moved = narrows.fit(digits, steps=10, shift=1, mirror=True)
    assert not torch.equal(
        weights(still)["autoencoder.encoder.1.weight"], weights(moved)["autoencoder.encoder.1.weight"]
    )
    same = zip(still.judgement.network.targets, moved.judgement.network.targets, strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def lit_from(side, count=60):
    """N 32 40: squares at random places, the left (and the right) half of the pictures darker."""
    drawn = np.random.default_rng(0)
    pictures = np.zeros((count, 32, 40), np.float32)
    for picture in pictures:
        top, left = drawn.integers(0, 24), drawn.integers(0, 32)
        picture[top : top + 8, left : left + 8] = 0.5
    pictures[:, :, 20:] += 0.5 if side == "left" else 0
    return pictures


@pytest.mark.parametrize(
    ("data", "settings", "shift", "mirror"),
    [
        (lit_from("left"), {}, 1, False),
        (lit_from("both"), {}, 1, True),
        (lit_from("both", 30), {}, 1, False),  # too few to tell
        (lit_from("both"), {"shift": 3, "mirror": False}, 3, False),
        (lit_from("left"), {"mirror": True}, 1, True),
        (lit_from("both")[:, ::4, ::4], {}, 0, True),
        (np.ones((60, 32, 32), np.float32) * np.linspace(0, 1, 60, dtype=np.float32)[:, None, None], {}, 1, True),
        (lit_from("both"), {"task": "denoise"}, 0, False),  # without a code
        (lit_from("both").reshape(60, -1)[:, :9], {}, 0, False),  # a table
    ],
    ids=["lit", "even", "few", "asked", "asked for one", "8x10", "plain", "direct", "table"],
)
def test_pictures_with_a_code_are_moved_and_mirrored_where_that_makes_pictures_like_them(
    data, settings, shift, mirror, tmp_path
):
    card = narrows.fit(data, steps=1, held_out=0.0, validation=0.0, out=tmp_path / "model", **settings).model.card
    assert (card["training"]["shift"], card["training"]["mirror"]) == (shift, mirror)
    reasons = card["about"]["reasons"].keys() & {"shift", "mirror"}
    chosen = set() if data.ndim == 2 or "task" in settings else {"shift", "mirror"} - settings.keys()
    assert reasons == chosen
    told = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert [f"`{name}`" in told for name in ("shift", "mirror")] == [
        bool(card["training"][name]) or name in chosen for name in ("shift", "mirror")
    ], "asked for or chosen, what pictures went through is told"


def test_pairs_are_not_moved_unless_that_was_asked_for():
    card = narrows.fit(pairs=(lit_from("both"), 1 - lit_from("both")), steps=1, kind="undercomplete").model.card
    assert (card["training"]["shift"], card["training"]["mirror"]) == (0, False)


def test_a_task_through_a_code_stands_beside_the_direct_net(digits, tmp_path):
    found = narrows.fit(
        digits, steps=5, task="denoise", kind="undercomplete", architecture="mlp", code_size=8, out=tmp_path
    )
    assert {"untouched", "direct"} <= found.judgement.alternatives.keys()
    assert (tmp_path / "run" / "direct").is_dir()


def test_one_example_again_and_again_is_one_example_to_the_verdict():
    rows = np.random.default_rng(0).standard_normal((5, 4)).repeat(40, axis=0)
    judgement = narrows.fit(rows, code_size=2, steps=20).judgement
    assert len(judgement.network.errors) == 40 and len(judgement.groups.unique()) == 1
    assert judgement.verdict.winner == "nobody" and not judgement.verdict.ratio.is_known


def test_nothing_held_out_means_no_verdict(digits):
    assert narrows.fit(digits, steps=2, held_out=0, validation=0).judgement is None


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"code_sise": 3}, UnknownName, "code_size"),
        ({"shift": -1}, BadOption, "--shift 1"),
        ({"held_out": 1.0}, BadOption, "0.1"),
        ({"held_out": 0.5, "validation": 0.6}, BadOption, "next to nothing to learn from"),
        ({"kind": "direct", "architecture": "unet"}, BadPairing, "--task denoise"),
        ({"steps": 3, "epochs": 2}, BadOption, "exactly one budget"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(digits, settings, error, words):
    with pytest.raises(error, match=words):
        narrows.fit(digits, **{"steps": 2, **settings} if "epochs" not in settings else settings)


@pytest.mark.parametrize("task", [{"code_size": 2}, {"task": "denoise", "learn_from": "neighbours", "n_nodes": 4}])
def test_a_model_that_was_trained_in_double_precision_is_written_and_read(picture_folder, tmp_path, task):
    found = narrows.fit(picture_folder(), out=tmp_path / "m", steps=2, precision="64-true", device="cpu", **task)
    assert found.report.exists()
    again = narrows.load(tmp_path / "m")
    assert {value.dtype for value in again.model.autoencoder.state_dict().values()} == {torch.float32}
