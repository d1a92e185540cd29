"""Many models at once: the bits of each alone, mistakes before anything moves, errors and Ctrl-C."""

import signal
import threading
import time

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from small_nets import clouds, make_net


def trainers(count, **options):
    return [lamina.Trainer(make_net(seed=seed), seed=seed, **options) for seed in range(count)]


@pytest.mark.parametrize("jobs", [None, 1, 3])
def test_each_ends_in_the_bits_of_its_own_fit(rng, jobs):
    data = clouds(rng)
    together, alone = trainers(5), trainers(5)
    histories = lamina.fit_together(together, *data, jobs=jobs, epochs=4, batch_size=16, progress=False)
    for trainer, history, other in zip(together, histories, alone, strict=True):
        other.fit(*data, epochs=4, batch_size=16, progress=False)
        assert history is trainer.history and history["loss"] == other.history["loss"]
        assert_same_bits(trainer.net.state_dict(), other.net.state_dict())


def test_the_caller_keeps_its_threads(rng):
    before = lamina.get_num_threads()
    lamina.fit_together(trainers(2), *clouds(rng), epochs=1, progress=False)
    assert lamina.get_num_threads() == before


def test_progress_counts_the_nets(rng, capfd):
    lamina.fit_together(trainers(3), *clouds(rng), epochs=1)
    assert "3/3" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ["net"], TypeError, "fit_together: 'net' given"),
        (lambda: trainers(1) * 2, ValueError, "fit_together: trainers share a net or a callback"),
        (
            lambda: trainers(2, callbacks=[lamina.EarlyStopping(monitor="loss")]),
            ValueError,
            "share a net or a callback",
        ),
    ],
)
def test_mistakes(rng, make, error, message):
    with pytest.raises(error, match=message):
        lamina.fit_together(make(), *clouds(rng), progress=False)
    with pytest.raises(ValueError, match="fit_together: jobs is 0"):
        lamina.fit_together(trainers(1), *clouds(rng), jobs=0, progress=False)
    with pytest.raises(ValueError, match="Trainer.fit: batch_size is 0"):
        lamina.fit_together(trainers(2), *clouds(rng), batch_size=0, progress=False)


def test_ctrl_c_ends_all(rng):
    all_of_them = trainers(3)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        lamina.fit_together(all_of_them, *clouds(rng), jobs=2, epochs=10**9, progress=False)
    assert time.monotonic() - start < 3
    trained = [len(trainer.history["loss"]) for trainer in all_of_them]
    assert trained[0] > 0 and trained[1] > 0 and trained[2] == 0
    for trainer in all_of_them:
        assert np.isfinite(trainer.net.predict(clouds(rng)[0])).all()


def test_bagging_in_jobs_has_the_same_bits(rng):
    x, y = clouds(rng)

    def bagged(jobs):
        return lamina.bagging(lambda seed: make_net(seed=seed), x, y, n=4, jobs=jobs, epochs=3, progress=False)

    one, three = bagged(1), bagged(3)
    assert one.oob_score == three.oob_score
    np.testing.assert_array_equal(one.predict_proba(x), three.predict_proba(x))
    shared = {"callbacks": [lamina.EarlyStopping()]}
    with pytest.raises(ValueError, match="bagging: jobs is 2, callbacks"):
        lamina.bagging(lambda seed: make_net(seed=seed), x, y, jobs=2, trainer=shared, progress=False)
