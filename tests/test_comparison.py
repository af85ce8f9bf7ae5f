"""Kinds side by side: the same examples, code size and time for each; what is finished is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import narrows
from narrows import BadData, BadOption, BadRun, TrainingFailed, UnknownName, WouldOverwrite, comparison
from narrows.comparison import as_dict, compare
from narrows.data.reading import read
from narrows.measuring.comparing import Bench
from narrows.model.folder import load

KINDS = "undercomplete,sparse,fsq"
SMALL = {"minutes": 0.01, "code_size": 3, "n_nodes": 4, "batch_size": 8, "evaluations": 1}


def pictures(count=60):
    """8x8: two sorts of stripes, each at its own strength."""
    random = np.random.default_rng(0)
    label = np.arange(count) % 2
    stripes = np.indices((8, 8))[label] % 2
    x = stripes * random.uniform(0.5, 1, (count, 1, 1)) + random.uniform(0, 0.1, (count, 8, 8))
    return x.clip(0, 1).astype(np.float32), label


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.npy"
    np.save(path, pictures()[1])
    return str(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, labels):
    out = tmp_path_factory.mktemp("compared") / "out"
    events = []
    found = compare(pictures()[0], out=out, kinds=f"{KINDS},direct", labels=labels, progress=events.append, **SMALL)
    return found, out, events


def test_every_kind_that_can_is_there_with_pca_and_the_mean(compared):
    found, out, events = compared
    names = [row.name for row in found.rows]
    assert sorted(names[:-2]) == sorted(KINDS.split(",")) and names[-2:] == ["PCA", "mean"]
    assert found.left_out == [("direct", "it has no code")]
    assert [event["kind"] for event in events if event["event"] == "kind"] == KINDS.split(",")
    assert all((out / name / "model.safetensors").exists() for name in KINDS.split(","))


def test_rows_are_of_the_same_held_out_examples_and_sorted_by_error(compared):
    rows = compared[0].rows
    assert len({len(row.errors) for row in rows}) == 1
    errors = [row.error.value for row in rows[:-2]]
    assert errors == sorted(errors)
    pca = rows[-2]
    for row in rows:
        assert row.over_pca.value == pytest.approx(row.error.value / pca.error.value, rel=1e-5)
        assert row.over_pca.low <= row.over_pca.value <= row.over_pca.high


def test_a_row_says_all_that_was_asked_for(compared):
    for row in compared[0].rows[:-2]:
        told = as_dict(row)
        for name in ("probe", "neighbours", "frechet", "precision", "recall", "prior", "in_use", "milliseconds",
                     "parameters", "seconds", "steps", "participation"):  # fmt: skip
            assert told[name] is not None, (row.name, name)
        assert row.shown.shape == (2, row.shown.shape[1], 1, 8, 8)
        json.dumps(told)


def test_a_code_of_few_active_values_is_widened_until_as_many_are_active(compared):
    rows = {row.name: row for row in compared[0].rows}
    assert rows["sparse"].code_values == rows["undercomplete"].code_values == rows["PCA"].code_values == 3
    assert narrows.load(compared[1] / "sparse").code_size == 24
    assert rows["fsq"].code_bits is not None


def test_the_purposes_are_told_in_both_languages_and_on_the_page(compared):
    found, out, _ = compared
    assert [one.purpose for one in found.purposes] == ["error", "labels", "samples"]
    page = (out / comparison.PAGE).read_text(encoding="utf-8")
    for one in found.purposes:
        assert one.best in KINDS.split(",") and one.sentence("vi") != one.sentence("en")
        assert one.sentence().split(":")[0] in page
    assert "<table" in page and "random convolutions" in page


def test_what_is_finished_is_kept_and_what_was_stopped_goes_on(tmp_path, labels, monkeypatch):
    events = []

    def stop_at_the_second(event):
        events.append(event)
        if event["event"] == "kind" and event["number"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(pictures()[0], out=tmp_path / "out", kinds=KINDS, progress=stop_at_the_second, **SMALL)
    assert (tmp_path / "out" / "undercomplete" / "row.json").exists()
    fitted = []
    fit = comparison.fit
    monkeypatch.setattr(comparison, "fit", lambda data, **more: fitted.append(more["kind"]) or fit(data, **more))
    found = compare(pictures()[0], out=tmp_path / "out", kinds=KINDS, **SMALL)
    assert fitted == ["sparse", "fsq"]
    with pytest.raises(WouldOverwrite, match="finished comparison"):
        compare(pictures()[0], out=tmp_path / "out", kinds=KINDS, **SMALL)
    with pytest.raises(BadRun, match="its code_size is not the same"):
        compare(pictures()[0], out=tmp_path / "out", kinds=KINDS, **SMALL | {"code_size": 2})
    again = compare(pictures()[0], out=tmp_path / "out", kinds="undercomplete", force=True, **SMALL | {"code_size": 2})
    assert fitted[2:] == ["undercomplete"] and again.rows[0].code_values == 2
    assert found.rows[-2].code_values == 3


def test_force_begins_anew_also_where_the_plan_is_damaged(tmp_path, monkeypatch):
    out, fitted = tmp_path / "out", []
    fit = comparison.fit
    monkeypatch.setattr(comparison, "fit", lambda data, **more: fitted.append(more["kind"]) or fit(data, **more))
    compare(pictures()[0], out=out, kinds="undercomplete", **SMALL)
    (out / "run" / "run.json").write_bytes(b"\xff")
    with pytest.raises(BadRun, match="damaged"):
        compare(pictures()[0], out=out, kinds="undercomplete", **SMALL)
    compare(pictures()[0], out=out, kinds="undercomplete", force=True, **SMALL)
    assert fitted == ["undercomplete"] * 2


def test_a_kept_row_is_the_row_that_was_measured(compared):
    found, out, _ = compared
    for row in found.rows:
        kept = comparison._kept(out / row.name)
        assert torch.equal(kept.errors, row.errors)
        assert as_dict(kept) | {"over_pca": None} == as_dict(row) | {"over_pca": None}
    (out / "sparse" / "row.npz").rename(out / "sparse" / "away")
    assert comparison._kept(out / "sparse") is None
    (out / "sparse" / "away").rename(out / "sparse" / "row.npz")


def test_tables_are_compared_without_their_column_of_labels(tmp_path):
    random = np.random.default_rng(0)
    rows = [",".join(f"{v:.3f}" for v in random.normal(size=4)) + f",{n % 3}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d,sort", *rows]) + "\n")
    found = compare(
        tmp_path / "t.csv", out=tmp_path / "out", kinds="undercomplete,variational,vqvae", labels="sort",
        **SMALL | {"code_size": 2},
    )  # fmt: skip
    assert [name for name, _ in found.left_out] == ["vqvae"]
    assert narrows.load(tmp_path / "out" / "undercomplete").card["data"]["columns"] == ["a", "b", "c", "d"]
    assert 0.3 < found.rows[-1].error.value < 3  # the mean, in units of each column's variance
    assert found.reference.space == "4 principal components"


def test_everyone_counts_a_tables_errors_in_the_same_units(tmp_path, monkeypatch):
    # PCA is fitted on some of many rows; columns of heavy tails have another spread over these than over all.
    monkeypatch.setattr(comparison, "_MOST_FOR_BASELINES", 40)
    benches = []
    monkeypatch.setattr(comparison, "Bench", lambda *a, **k: benches.append(Bench(*a, **k)) or benches[0])
    rows = np.exp(2 * np.random.default_rng(0).standard_normal((400, 4)))
    compare(rows, out=tmp_path / "out", kinds="undercomplete", **(SMALL | {"code_size": 2}))
    own = load(tmp_path / "out" / "undercomplete").standardise
    assert len(benches[0].learned) == 40
    torch.testing.assert_close(benches[0].standardise.spread, own.spread)


@pytest.mark.parametrize(
    "known, said", [(lambda at: 7, "only one class, 7"), (lambda at: np.nan, "no class"), (None, "no held-out example")]
)
def test_labels_that_no_probe_can_use_are_refused_before_anything_is_trained(tmp_path, known, said):
    x = pictures()[0]
    if known is None:  # those that judge are known by their content
        judges = set(read(x).split((0.1, 0.05))[1].tolist())
        known = lambda at: np.nan if at in judges else at % 2  # noqa: E731
    np.save(tmp_path / "labels.npy", np.array([known(at) for at in range(len(x))], float))
    events = []
    with pytest.raises(BadData, match=said):
        compare(
            x, out=tmp_path / "out", kinds="undercomplete", labels=str(tmp_path / "labels.npy"), **SMALL,
            progress=events.append,
        )  # fmt: skip
    assert not events and not (tmp_path / "out").exists()


def test_what_cannot_be_compared_is_refused(tmp_path):
    x = pictures()[0]
    with pytest.raises(UnknownName, match="did you mean sparse"):
        compare(x, out=tmp_path / "out", kinds="sparce")
    with pytest.raises(BadOption, match="epochs came"):
        compare(x, out=tmp_path / "out", epochs=3)
    with pytest.raises(BadOption, match="minutes=0"):
        compare(x, out=tmp_path / "out", minutes=0)
    with pytest.raises(BadOption, match="none of the kinds can work"):
        compare(x, out=tmp_path / "out", kinds="direct")
    assert not (tmp_path / "out").exists()


def test_a_kind_that_cannot_be_trained_is_left_out_and_the_others_are_compared(tmp_path, monkeypatch):
    place = tmp_path / "parts" / "autoencoders"
    place.mkdir(parents=True)
    text = (Path(narrows.__file__).parent / "autoencoders" / "undercomplete.py").read_text(encoding="utf-8")
    text = text.replace("class Undercomplete", "class Endless").replace(".mean()}", '.mean() * float("nan")}')
    (place / "endless.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("NARROWS_PATH", str(tmp_path / "parts"))
    found = compare(pictures()[0], out=tmp_path / "out", kinds="endless,undercomplete", **SMALL)
    assert [row.name for row in found.rows] == ["undercomplete", "PCA", "mean"]
    assert [name for name, why in found.left_out] == ["endless"] and "not a number" in found.left_out[0][1]
    with pytest.raises(TrainingFailed, match="endless: the loss was not a number"):
        compare(pictures()[0], out=tmp_path / "alone", kinds="endless", **SMALL)


def test_held_out_copies_are_drawn_together_for_every_interval(tmp_path, monkeypatch):
    benches = []
    monkeypatch.setattr(comparison, "Bench", lambda *a, **k: benches.append(Bench(*a, **k)) or benches[0])
    x, label = pictures()
    np.save(tmp_path / "labels.npy", np.tile(label, 5))
    given = {"kinds": "undercomplete", "labels": str(tmp_path / "labels.npy"), **SMALL}
    found = compare(np.tile(x, (5, 1, 1)), out=tmp_path / "out", **given)
    bench = benches[0]
    assert len(bench.judged) == 5 * len(bench.groups.unique()) and torch.equal(bench.labelled_groups, bench.groups)
    for row in (found.rows[0], next(row for row in found.rows if row.name == "PCA")):
        # as wide as that of one copy of each: not a square root of five narrower
        order = bench.groups.argsort(stable=True)[::5]
        alone = Bench(bench.learned, bench.judged[order])
        alone = alone._interval(row.errors[order])
        assert row.error.high - row.error.low == pytest.approx(alone.high - alone.low, rel=0.1)
        assert row.over_pca is not None and row.over_pca.value > 0
