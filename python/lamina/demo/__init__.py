"""The lectures' claim on real data: does pre-training help a deep net when labels are few? A table and pictures."""

from lamina.demo.experiment import ARMS, QUICK, Arm, Settings
from lamina.demo.report import conclude, format_table
from lamina.demo.show import run

__all__ = ["ARMS", "QUICK", "Arm", "Settings", "conclude", "format_table", "run"]
