"""Tries a wheel that has CUDA: it imports and trains on the CPU, says why a device cannot be used, or uses it."""

import numpy as np

import lamina

lamina.show_config()
x = np.random.default_rng(0).normal(size=(500, 8))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
states = []
for device in ["cpu", *(["cuda"] if lamina.cuda.is_available() else [])]:
    net = lamina.Sequential(
        lamina.Linear(8, 32), lamina.BatchNorm(32), lamina.ReLU(), lamina.Linear(32, 2), device=device
    )
    history = lamina.Trainer(net, optimizer="adam").fit(x, y, epochs=20, batch_size=50, progress=False)
    assert history["loss"][-1] < 0.8 * history["loss"][0], history["loss"]
    states.append(net.state_dict())
for state in states[1:]:
    assert all((state[name] == states[0][name]).all() for name in state), "CPU and device differ"
if len(states) == 1:
    assert lamina.cuda.status().startswith("built, but there is no device to use: "), lamina.cuda.status()
    try:
        lamina.cuda.zeros(3)
    except lamina.BackendError as error:
        print(error)
    else:
        raise AssertionError("an array without a device")
print("the wheel works on", " and ".join(["cpu", "cuda"][: len(states)]))
