"""What is asked of a model beside its errors."""

import numpy as np

from narrows import fit
from narrows.measuring import assess as measuring
from narrows.model.folder import load


def test_of_more_than_are_looked_at_some_of_every_class_are(tmp_path, monkeypatch):
    # Sorted by class, as folders and exports are.
    labels = np.repeat([0, 1], 60)
    rows = np.random.default_rng(0).standard_normal((120, 3)) + 5 * labels[:, None]
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "labels.npy", labels)
    fit(tmp_path / "rows.npy", code_size=2, steps=2, out=tmp_path / "model")
    monkeypatch.setattr(measuring, "MOST", 50)
    found = measuring.assess(load(tmp_path / "model"), tmp_path / "rows.npy", labels=str(tmp_path / "labels.npy"))
    assert found.count == 50 and found.probe is not None
    assert found.probe.classes == 2 and found.probe.learned + found.probe.judged == 50
    assert found.probe.neighbours.value < 0.1


def test_copies_are_drawn_together_for_what_a_probe_and_samples_say(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    rows = random.standard_normal((40, 3)) + 0.5 * labels[:, None]
    np.save(tmp_path / "once.npy", rows)
    np.save(tmp_path / "often.npy", np.tile(rows, (9, 1)))
    np.save(tmp_path / "once labels.npy", labels)
    np.save(tmp_path / "often labels.npy", np.tile(labels, 9))
    fit(tmp_path / "once.npy", kind="variational", code_size=2, steps=2, out=tmp_path / "model")
    model = load(tmp_path / "model")
    once, often = (
        measuring.assess(model, tmp_path / f"{name}.npy", labels=str(tmp_path / f"{name} labels.npy"), samples=40)
        for name in ("once", "often")
    )
    for one, other in ((once.probe.neighbours, often.probe.neighbours), (once.quality.recall, often.quality.recall)):
        assert other.high - other.low > 0.6 * (one.high - one.low) > 0  # a third of it where copies count
