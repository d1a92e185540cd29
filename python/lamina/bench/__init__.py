"""Measures lamina beside its peers: ``lamina bench [NAME] [--against torch,sklearn,numpy] [--json FILE] [--quick]``."""

from lamina.bench.suite import BENCHES, run

__all__ = ["BENCHES", "run"]
