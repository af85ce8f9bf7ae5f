"""`narrows size` and `narrows tune` on the command line."""

import shlex
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("optuna")
QUICK = ("--minutes", 9, "--steps", 3, "--largest", 3, "--seeds", 1, "--batch-size", 32)


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    inside = random.uniform(-1, 1, (120, 1))
    rows = np.sin(inside @ random.standard_normal((1, 6)))
    np.savetxt(tmp_path / "table.csv", rows, delimiter=",", header="a,b,c,d,e,f", comments="")
    return "table.csv"


def test_size_gives_a_verdict_as_json_and_a_page(run, table, tmp_path):
    ran = run("size", table, "--json", *QUICK)
    assert ran.code == 0, ran.err
    verdict = ran.json["verdict"]
    assert verdict["code_size"] in [one["code_size"] for one in ran.json["sizes"]]
    low, high = verdict["interval"]
    assert low <= verdict["code_size"] <= high and isinstance(verdict["decided"], bool)
    assert (tmp_path / "table-size" / "size.html").exists()
    assert ran.json["use"].endswith(f"--code-size {verdict['code_size']}")
    again = run("size", table, *QUICK)
    assert again.code == 1 and "--force" in again.err


def test_tune_gives_options_that_fit_understands(run, table):
    ran = run("tune", table, "--minutes", 0.03, "--trials", 2, "--code-size", 1, "--json")
    assert ran.code == 0, ran.err
    assert len(ran.json["trials"]) == 2 and ran.json["use"].startswith("narrows fit table.csv")


def test_what_a_sweep_decides_is_no_option_of_it(run, table):
    assert run("size", table, "--code-size", 3).code == 2
    assert run("size", table, "--epochs", 3).code == 2


def test_tune_says_so_where_the_defaults_could_not_be_trained(run, table, first_training_fails):
    ran = run("tune", table, "--minutes", 0.02, "--trials", 2, "--code-size", 1, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["ratio"] is None and ran.json["sentence"].endswith("and the defaults could not be trained.")


@pytest.mark.parametrize("verb", ["size", "tune"])
def test_what_to_type_next_has_what_was_said_too(run, table, tmp_path, verb):
    (tmp_path / table).rename(tmp_path / "my table.csv")
    said = ("--kind", "variational", "--seed", 3, "--n-nodes", "8,8", "--shift", 0, "--set", "beta=0.5")
    mine = QUICK[:-2] if verb == "size" else ("--minutes", 0.02, "--trials", 2, "--code-size", 2)
    ran = run(verb, "my table.csv", "--json", *mine, *said)
    assert ran.code == 0, ran.err
    use = shlex.split(ran.json["use"])
    assert use[:3] == ["narrows", "fit", "my table.csv"]
    pairs = set(pairwise(use[3:]))
    assert {tuple(map(str, said[at : at + 2])) for at in range(0, len(said), 2)} < pairs
    assert "--steps" not in use and "--minutes" not in use and "--trials" not in use and use.count("--code-size") == 1
    assert run(*use[1:], "--steps", 2).code == 0


@pytest.mark.parametrize("verb", ["size", "tune"])
def test_a_sweep_offers_no_option_that_does_nothing_in_it(run, table, verb):
    for words in (("--learn-from", "noisy"), ("--like", "photos"), ("--no-check-pairs",)):
        assert run(verb, table, *words).code == 2
