"""The estimator keeps scikit-learn's whole contract, for every kind with a code that works on tables."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import narrows
from narrows import Autoencoder, BadData, BadOption, BadPairing, NarrowsError, NotSupported, UnknownName
from narrows._registry import architectures, kinds

FAST = ("undercomplete", "variational")


def on_tables():
    """Kinds with a code that some architecture can build for rows of a table."""
    return [
        name
        for name in kinds
        if "code" in kinds[name].gives
        and any(
            kinds[name].needs <= architectures[other].offers and "table" in architectures[other].accepts
            for other in architectures
        )
    ]


def checked(names):
    return [Autoencoder(kind=name, max_iter=2, device="cpu") for name in names]


@parametrize_with_checks(checked(FAST))
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(checked([name for name in on_tables() if name not in FAST]))
def test_scikit_learns_checks_for_every_kind(estimator, check):
    check(estimator)


WITH_CODE = [name for name in kinds if "code" in kinds[name].gives]


def table(rows=60, columns=8, seed=0):
    """Rows with two hidden causes, in columns on scales from 1e-3 to 1e6."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(rows, 2)) @ np.random.default_rng(99).normal(size=(2, columns))
    return causes * np.logspace(-3, 6, columns) + np.logspace(-3, 6, columns)


def small(**settings):
    return Autoencoder(**{"code_size": 2, "max_iter": 5, "random_state": 0, "device": "cpu"} | settings)


@pytest.fixture(scope="module")
def fitted():
    return small(max_iter=60).fit(table())


# Codes and rows


def test_two_lines_lead_to_codes():
    codes = Autoencoder(code_size=3, max_iter=2).fit_transform(table())
    assert codes.shape == (60, 3)


def test_rows_on_wildly_different_scales_come_back_in_their_units(fitted):
    X = table(seed=1)
    back = fitted.inverse_transform(fitted.transform(X))
    relative = ((back - X) ** 2).mean(0) / X.var(0)
    assert (relative < 0.5).all(), relative
    assert fitted.score(X) > -0.5


def test_the_score_is_minus_the_mean_of_what_the_rows_lose(fitted):
    X = table(seed=1)
    lost = (X - fitted.inverse_transform(fitted.transform(X))) / table().std(0)
    np.testing.assert_allclose(fitted.score_samples(X), -(lost**2).mean(1), rtol=1e-4)
    assert fitted.score(X) == fitted.score_samples(X).mean()


def test_training_longer_scores_higher():
    X = table()
    assert small(max_iter=60).fit(X).score(X) > small(max_iter=1).fit(X).score(X)


def test_a_strange_row_scores_lowest(fitted):
    X = table(seed=1)
    X[7] *= np.where(np.arange(8) % 2, 5, -5)
    assert fitted.score_samples(X).argmin() == 7


@pytest.mark.parametrize("kind", WITH_CODE)
def test_pictures_of_every_kind_come_back(kind):
    X = load_digits().data[:64]
    model = small(kind=kind, image_shape=(8, 8)).fit(X)
    codes = model.transform(X)
    assert codes.shape == (64, model.code_size_) == (64, len(model.get_feature_names_out()))
    back = model.inverse_transform(codes)
    assert back.shape == X.shape and back.min() >= 0 and back.max() <= 16
    assert np.isfinite(model.score_samples(X)).all()


def test_what_is_learned_is_named_and_counted(fitted):
    assert fitted.n_features_in_ == 8 and fitted.code_size_ == 2 and fitted.n_iter_ == 60
    assert fitted.history_[-1][1] == fitted.loss_ < fitted.history_[0][1]
    assert [step for step, _ in fitted.history_] == sorted({step for step, _ in fitted.history_})
    assert list(fitted.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    assert small().fit(table()).range_ is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_in_is_precision_out(fitted, dtype):
    X = table().astype(dtype)
    codes = fitted.transform(X)
    assert codes.dtype == fitted.inverse_transform(codes).dtype == fitted.score_samples(X).dtype == dtype


def test_a_row_does_not_depend_on_its_batch_in_any_digit_that_counts(fitted):
    X = table()
    one_by_one = np.concatenate([fitted.transform(row[None]) for row in X])
    np.testing.assert_allclose(one_by_one, fitted.transform(X), rtol=1e-11, atol=1e-12)


def test_columns_far_from_0_keep_their_digits():
    X = table() / table().std(0)
    near, far = small(max_iter=20).fit(X), small(max_iter=20).fit(X + 1e6)
    assert abs(near.score(X) - far.score(X + 1e6)) < 1e-2


def test_missing_cells_do_not_count():
    X = table()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    X[3] = np.nan
    model = small(max_iter=20).fit(X)
    assert np.isfinite(model.transform(X)).all() and np.isfinite(model.inverse_transform(model.transform(X))).all()
    assert np.isfinite(model.score_samples(X)).all() and model.score_samples(X)[3] == 0


# scikit-learn's tools


def test_it_works_in_a_pipeline_and_in_a_search():
    pipeline = make_pipeline(StandardScaler(), small())
    search = GridSearchCV(pipeline, {"autoencoder__code_size": [1, 2], "autoencoder__loss": ["mse", "l1"]}, cv=2)
    search.fit(table())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.transform(table()).shape[1] == search.best_params_["autoencoder__code_size"]


def test_pandas_in_and_pandas_out(fitted):
    frame = pd.DataFrame(table(), columns=[f"c{n}" for n in range(8)], index=range(100, 160))
    model = small().set_output(transform="pandas").fit(frame)
    codes = model.transform(frame)
    assert list(codes.columns) == ["autoencoder0", "autoencoder1"] and codes.index.equals(frame.index)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[frame.columns[::-1]])


def test_the_constructor_only_stores():
    parameters = inspect.signature(Autoencoder.__init__).parameters
    given = {name: object() for name in parameters if name != "self"}
    model = Autoencoder(**given)
    assert vars(model) == given and all(vars(model)[name] is value for name, value in given.items())
    assert all(p.kind is p.KEYWORD_ONLY for name, p in parameters.items() if name != "self")


def test_a_clone_is_unfitted_and_learns_the_same(fitted):
    again = clone(fitted)
    with pytest.raises(NotFittedError):
        again.transform(table())
    assert np.array_equal(again.fit(table()).transform(table()), fitted.transform(table()))


def test_the_seed_decides_and_no_global_generator_moves_torchs():
    X, before = table(), torch.random.get_rng_state()
    one, same, other = (small(random_state=seed).fit(X).transform(X) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


# Pickles of others


@pytest.mark.parametrize("kind", WITH_CODE)
def test_it_survives_joblib_with_the_same_bits_and_no_net_in_the_pickle(kind, tmp_path):
    X = load_digits().data[:40]
    model = small(kind=kind, image_shape=(8, 8)).fit(X)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(again.transform(X), model.transform(X))
    assert np.array_equal(again.score_samples(X), model.score_samples(X))
    assert pickle.dumps(again) == pickle.dumps(model)


def test_the_pickle_holds_plain_values_and_one_model_file(fitted):
    class Strict(pickle.Unpickler):
        def find_class(self, module, name):
            assert module.partition(".")[0] != "torch", f"{module}.{name}"
            return super().find_class(module, name)

    assert Strict(io.BytesIO(pickle.dumps(fitted))).load().n_iter_ == fitted.n_iter_
    assert isinstance(fitted.__getstate__()["model_"], bytes)


def test_a_damaged_pickle_is_refused_by_the_models_own_check(fitted):
    state = fitted.__getstate__()
    data = bytearray(state["model_"])
    data[-5] ^= 1
    with pytest.raises(narrows.BadModelFile, match="checksum"):
        Autoencoder().__setstate__(state | {"model_": bytes(data)})


def test_its_model_is_a_model_like_any_other(fitted, tmp_path):
    loaded = narrows.load(narrows.save(fitted.model_, tmp_path / "model"))
    X = table().astype(np.float32)
    assert np.array_equal(loaded.encode(X), fitted.transform(X))
    assert loaded.card["training"]["epochs"] == 60


# Going on


def test_partial_fit_goes_on_from_where_it_was():
    X, model, scores = table(200), small(), []
    for _ in range(12):
        scores.append(model.partial_fit(X).score(X))
    assert model.n_iter_ == 12 and scores[-1] > scores[0]
    assert [step for step, _ in model.history_] == sorted({step for step, _ in model.history_})


def test_partial_fit_takes_a_single_row_after_the_first_call_and_keeps_the_scale():
    model = small().partial_fit(table())
    mean = model.model_.standardise.mean.clone()
    model.partial_fit(table()[:1] * 100)
    assert torch.equal(model.model_.standardise.mean, mean)
    with pytest.raises(ValueError, match="minimum of 2"):
        small().partial_fit(table()[:1])


def test_partial_fit_after_fit_and_after_a_pickle_is_the_same():
    model = small().fit(table())
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    rows = table(seed=2)
    assert np.array_equal(model.partial_fit(rows).transform(rows), again.partial_fit(rows).transform(rows))


def test_an_interrupted_call_leaves_the_estimator_as_it_was(monkeypatch):
    model = small().fit(table())
    before = model.transform(table())

    def interrupted(*args, **kwargs):
        args[0].get_parameter("encoder.1.weight").data.zero_()
        raise KeyboardInterrupt

    monkeypatch.setattr("narrows.estimator.train", interrupted)
    for call in (model.partial_fit, model.fit):
        with pytest.raises(KeyboardInterrupt):
            call(table())
        assert np.array_equal(model.transform(table()), before)


# Pictures


def test_pictures_on_0_to_16_are_scaled_by_their_range_and_come_back_on_it():
    X = load_digits().data[:200]
    model = small(image_shape=(8, 8), code_size=16, max_iter=30).fit(X)
    assert model.range_ == (0, 16)
    back = model.inverse_transform(model.transform(X))
    assert ((back - X) ** 2).mean() < ((X - X.mean(0)) ** 2).mean()
    scaled = small(image_shape=(8, 8), code_size=16, max_iter=30).fit(X / 16)
    np.testing.assert_allclose(scaled.transform(X / 16), model.transform(X), rtol=1e-6, atol=1e-6)


def test_bytes_stand_for_0_to_255_and_floats_in_0_to_1_for_themselves():
    X = (load_digits().data[:60] * 15).astype(np.uint8)  # up to 240
    bytes_, words, floats = (
        small(image_shape=(8, 8)).fit(rows) for rows in (X, X.astype(np.uint16) * 257, X.astype(np.float32) / 255)
    )
    assert (bytes_.range_, words.range_, floats.range_) == ((0, 255), (0, 65535), (0, 1))
    assert bytes_.transform(X).dtype == np.float32
    np.testing.assert_allclose(bytes_.transform(X), floats.transform(X.astype(np.float32) / 255), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bytes_.transform(X), words.transform(X.astype(np.uint16) * 257), rtol=1e-5, atol=1e-5)


def test_pictures_scaled_in_another_way_than_the_training_pictures_are_refused():
    X = load_digits().data[:40]
    model = small(image_shape=(8, 8)).fit(X / 16)
    with pytest.raises(BadData, match="0 to 1"):
        model.transform(X / 16 * 255)
    model.transform(X / 16 + np.random.default_rng(0).normal(size=X.shape))  # noise is no other scale


def test_pictures_that_are_all_the_same_do_no_harm():
    X = np.full((5, 12), 7.0)
    model = small(image_shape=(3, 2, 2)).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=0.2)


@pytest.mark.parametrize("architecture", [n for n in architectures if "vector" in architectures[n].offers])
def test_colour_pictures_through_every_architecture(architecture):
    X = np.random.default_rng(0).random((30, 3 * 9 * 7), dtype=np.float32)
    model = small(image_shape=(3, 9, 7), architecture=architecture, max_iter=1).fit(X)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


# Refusals


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"kind": "undercomplet"}, UnknownName, "did you mean undercomplete"),
        ({"architecture": "mpl"}, UnknownName, "did you mean mlp"),
        ({"loss": "mes"}, UnknownName, "did you mean mse"),
        ({"options": {"beta": 1.0}}, UnknownName, "no option called 'beta'"),
        ({"kind": "direct", "code_size": None, "image_shape": (2, 4), "architecture": "unet"}, NotSupported, "no code"),
        ({"architecture": "conv"}, BadPairing, "table"),
        ({"code_size": 0}, BadOption, "1 to 8"),
        ({"code_size": 9}, BadOption, "1 to 8"),
        ({"max_iter": 0}, BadOption, "max_iter=0"),
        ({"max_iter": 2.5}, BadOption, "max_iter=2.5"),
        ({"batch_size": 0}, BadOption, "batch_size=0"),
        ({"learning_rate": -1.0}, BadOption, "learning_rate"),
        ({"image_shape": (3, 3)}, BadData, "image_shape"),
        ({"image_shape": (8,)}, BadOption, "H, W"),
        ({"image_shape": 8}, BadOption, "H, W"),
        ({"image_shape": (2, 4.0)}, BadOption, "H, W"),
        ({"options": [1]}, BadOption, "options"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_a_sentence(settings, error, says):
    with pytest.raises(error, match=says) as refused:
        small(**settings).fit(table())
    assert isinstance(refused.value, NarrowsError) and "\n" not in str(refused.value)


def test_colours_that_come_last_are_asked_to_come_first():
    with pytest.raises(BadOption, match=r"image_shape=\(3, 8, 8\)"):
        small(image_shape=(8, 8, 3)).fit(np.random.default_rng(0).random((20, 192)))


def test_tables_that_hold_no_usable_numbers_are_refused(fitted):
    X = table()
    for bad, says in ((np.inf, "infinity"), (1e200, "1e\\+200")):
        broken = X.copy()
        broken[0, 0] = bad
        for call in (small().fit, fitted.transform, fitted.score):
            with pytest.raises(ValueError, match=says):
                call(broken)
    with pytest.raises(ValueError, match="6 features"):
        fitted.transform(X[:, :6])
    with pytest.raises(BadData, match="3 values came"):
        fitted.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="NaN"):
        small(image_shape=(2, 4)).fit(np.where(X > 0, X, np.nan))


def test_numpys_numbers_are_numbers():
    model = small(code_size=np.int64(2), n_nodes=[np.int32(8)], max_iter=np.int64(2), options={}).fit(table())
    assert model.model_.card["architecture"]["options"]["n_nodes"] == [8]
    assert copy.deepcopy(model).code_size_ == 2


def test_progress_is_told_on_standard_error_and_only_when_asked(capsys):
    small().fit(table())
    assert capsys.readouterr() == ("", "")
    small(verbose=True).fit(table())
    told = capsys.readouterr()
    assert told.out == "" and "loss" in told.err.splitlines()[-1]
