"""Ctrl-C within a second, in training and pre-training; the net stays usable; one training at a time."""

import signal
import sys
import threading
import time

import numpy as np
import pytest

import lamina

LONG = 10**9
IN_TIME = 1.0  # seconds between Ctrl-C and its KeyboardInterrupt, as promised


@pytest.fixture
def interrupt():
    """Call it with seconds: Ctrl-C comes then; gives back when it came."""
    came = []

    def press(signum, frame):
        came.append(time.monotonic())
        raise KeyboardInterrupt

    def arm(seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return came

    previous = signal.signal(signal.SIGALRM, press)
    yield arm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def data(rng):
    return rng.random((300, 20)), rng.integers(0, 3, 300)


@pytest.fixture
def long_epoch(rng):
    """Rows enough for an epoch of many seconds."""
    return np.tile(rng.random((2000, 20)).astype(np.float32), (1500, 1)), np.tile(rng.integers(0, 3, 2000), 1500)


def make_net(width=16):
    return lamina.Sequential(
        lamina.Linear(20, width), lamina.BatchNorm(width), lamina.ReLU(), lamina.Dropout(0.2), lamina.Linear(width, 3)
    )


def assert_stops_in_time(work, arm, seconds=0.3):
    start, came = time.monotonic(), arm(seconds)
    with pytest.raises(KeyboardInterrupt):
        work()
    stopped = time.monotonic()
    assert stopped - start < seconds + IN_TIME
    assert len(came) == 1 and stopped - came[0] < IN_TIME


def assert_usable(net, data):
    assert np.isfinite(net.predict(data[0])).all()
    assert all(np.isfinite(array).all() for array in net.state_dict().values())
    before = net.state_dict()["0.weight"]
    history = lamina.Trainer(net).fit(*data, epochs=2, progress=False)
    assert np.isfinite(history["loss"]).all() and not np.array_equal(net.state_dict()["0.weight"], before)


def test_interrupt_keeps_history_and_net(data, interrupt):
    net = make_net()
    trainer = lamina.Trainer(net)
    fit = {"epochs": LONG, "validation_data": data, "progress": False}
    assert_stops_in_time(lambda: trainer.fit(*data, **fit), interrupt)
    lengths = {len(column) for column in trainer.history.values()}
    assert len(lengths) == 1 and lengths.pop() > 1
    epochs = len(trainer.history["loss"])
    trainer.fit(*data, epochs=2, progress=False)
    assert len(trainer.history["loss"]) == epochs + 2
    assert_usable(net, data)


def test_interrupt_comes_inside_a_long_epoch(long_epoch, interrupt):
    net = make_net(512)
    trainer = lamina.Trainer(net)
    assert_stops_in_time(lambda: trainer.fit(*long_epoch, epochs=1, batch_size=32, progress=False), interrupt)
    assert trainer.history["loss"] == []
    assert_usable(net, [array[:200] for array in long_epoch])


def test_interrupt_restores_the_best_weights_of_early_stopping(data, interrupt):
    net = make_net()
    stopping = lamina.EarlyStopping(patience=LONG)
    trainer = lamina.Trainer(net, callbacks=[stopping])
    fit = {"epochs": LONG, "validation_data": data, "progress": False}
    assert_stops_in_time(lambda: trainer.fit(*data, **fit), interrupt)
    assert trainer.evaluate(*data)["loss"] == min(trainer.history["val_loss"]) == stopping.best


def test_interrupt_keeps_population_statistics(long_epoch, data, interrupt):
    net = make_net()
    net.forward(data[0], training=True)
    before = net.state_dict()
    assert_stops_in_time(lambda: net.set_population_statistics(long_epoch[0], batch_size=1), interrupt)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert_usable(net, data)


@pytest.fixture
def interrupt_line():
    """Call it with a number: when lamina has come so many lines far in what ends an epoch, Ctrl-C comes there."""
    previous, files = sys.gettrace(), (lamina.trainer.__file__, lamina.callbacks.__file__)
    functions = {"_epoch", "_enter", "on_epoch_end"}
    lines = []

    def arm(number):
        lines.clear()

        def follow(frame, event, arg):
            if frame.f_code.co_filename not in files or frame.f_code.co_name not in functions:
                return None
            if event == "line":
                lines.append(frame.f_lineno)
                if len(lines) == number:
                    raise KeyboardInterrupt
            return follow

        sys.settrace(follow)
        return lines

    yield arm
    sys.settrace(previous)


def test_interrupt_never_splits_an_epoch(data, interrupt_line):
    """Wherever it comes in the third of three epochs, history, rate and best weights tell of the same epochs."""

    def fit(number):
        stopping = lamina.EarlyStopping(patience=LONG)
        trainer = lamina.Trainer(
            make_net(), optimizer=lamina.SGD(lr=0.5), schedule=lambda lr, history: lr / 2, callbacks=[stopping]
        )
        trainer.fit(*data, epochs=2, validation_data=data, progress=False)
        lines = interrupt_line(number)
        try:
            trainer.fit(*data, epochs=1, validation_data=data, progress=False)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        epochs = len(trainer.history["loss"])
        assert all(len(column) == epochs for column in trainer.history.values())
        assert (trainer.lr, trainer._core.epoch) == (0.5 * 0.5**epochs, epochs)
        assert (stopping.best_epoch, stopping.best) == (
            (2, trainer.history["val_loss"][2]) if epochs == 3 else (None, None)
        )
        return epochs, len(lines)

    complete, lines = fit(0)
    assert complete == 3 and lines > 20
    reached = [fit(number)[0] for number in range(1, lines + 1)]
    assert set(reached) == {2, 3} and reached == sorted(reached)


def test_interrupt_of_a_callback_does_not_hide_the_epoch_from_early_stopping(data):
    class Press(lamina.Callback):
        def on_epoch_end(self, trainer):
            if len(trainer.history["loss"]) == 2:
                raise KeyboardInterrupt

    stopping = lamina.EarlyStopping()
    trainer = lamina.Trainer(make_net(), callbacks=[Press(), stopping])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*data, epochs=3, validation_data=data, progress=False)
    assert len(trainer.history["loss"]) == 2
    assert trainer.evaluate(*data)["loss"] == min(trainer.history["val_loss"]) == stopping.best


def test_interrupt_of_pretraining(data, interrupt):
    net = make_net()
    before = net.state_dict()["4.weight"]
    work = {"epochs": LONG, "progress": False}
    assert_stops_in_time(lambda: lamina.pretrain.greedy(net, data[0], **work), interrupt)
    np.testing.assert_array_equal(net.state_dict()["4.weight"], before)
    assert_usable(net, data)


@pytest.mark.parametrize("module", [lamina.Autoencoder, lamina.RBM])
def test_interrupt_of_a_module(data, interrupt, module):
    learner, X = module(20, 8), data[0].clip(0, 1)
    assert_stops_in_time(lambda: learner.fit(X, epochs=LONG, progress=False), interrupt)
    losses = len(learner.history["loss"])
    assert losses > 0 and np.isfinite(learner.transform(X)).all()
    assert learner._core.epoch == losses == len(learner.history["seconds"])
    assert len(learner.fit(X, epochs=1, progress=False)["loss"]) == losses + 1


def test_interrupt_by_the_signal_of_ctrl_c(data):
    trainer = lamina.Trainer(make_net())
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(*data, epochs=LONG, progress=False)
    assert time.monotonic() - start < 0.3 + IN_TIME
    timer.join()
    assert_usable(trainer.net, data)


class Pause(lamina.Callback):
    """Holds the first epoch's end until the test lets go."""

    def __init__(self):
        self.reached, self.go_on = threading.Event(), threading.Event()

    def on_epoch_end(self, trainer):
        self.reached.set()
        assert self.go_on.wait(30)


def test_two_threads_cannot_train_one_net(data):
    net, pause = make_net(), Pause()
    thread = threading.Thread(
        target=lamina.Trainer(net, callbacks=[pause]).fit, args=data, kwargs={"epochs": 1, "progress": False}
    )
    thread.start()
    try:
        assert pause.reached.wait(30)
        with pytest.raises(lamina.BackendError, match="Trainer.fit: this net is being trained"):
            lamina.Trainer(net).fit(*data, epochs=1, progress=False)
        with pytest.raises(lamina.BackendError, match="greedy"):
            lamina.pretrain.greedy(net, data[0], progress=False)
        assert np.isfinite(net.predict(data[0])).all()
    finally:
        pause.go_on.set()
        thread.join()
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)


def test_training_calls_during_an_epoch_are_refused(long_epoch):
    """Not only a second fit: a single training pass beside an epoch would spoil it as well."""
    net, outcome = make_net(512), []

    def trespass():
        time.sleep(0.5)
        try:
            net.forward(long_epoch[0][:10], training=True)
            outcome.append("accepted")
        except lamina.BackendError:
            outcome.append("refused")
        finally:
            signal.raise_signal(signal.SIGINT)  # the epoch has served its purpose

    thread = threading.Thread(target=trespass)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        lamina.Trainer(net).fit(*long_epoch, epochs=1, batch_size=32, progress=False)
    thread.join()
    assert outcome == ["refused"]


def test_threads_train_nets_of_their_own(data):
    def train(results, place):
        net = make_net()
        lamina.Trainer(net, seed=4).fit(*data, epochs=5, progress=False)
        results[place] = net.state_dict()["0.weight"]

    results = {}
    threads = [threading.Thread(target=train, args=(results, place)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    train(results, "alone")
    for place in range(3):
        np.testing.assert_array_equal(results[place], results["alone"])
