"""Data sets: readers of tables, their preparation for a network, and scikit-learn's digits."""

from lamina.datasets.digits import digits
from lamina.datasets.preparation import LabelEncoder, Standardizer, quantile_edges, split
from lamina.datasets.readers import Table, read_table

__all__ = ["LabelEncoder", "Standardizer", "Table", "digits", "quantile_edges", "read_table", "split"]
