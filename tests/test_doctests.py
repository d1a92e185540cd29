"""Every example in a docstring of the package runs and prints what it says."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import lamina

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_names():
    found = [module.name for module in pkgutil.walk_packages(lamina.__path__, "lamina.")]
    return ["lamina", *(name for name in found if not name.endswith(("_core", "__main__")))]


@pytest.mark.parametrize("name", module_names())
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples may write files
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    report = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name, module):
        with np.printoptions(legacy=False):
            runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)
