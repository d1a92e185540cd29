"""Data sets: generators, readers of tables, their preparation for a network, and scikit-learn's digits."""

from lamina.datasets.digits import digits
from lamina.datasets.images import bars_and_stripes, rectangles, shapeset
from lamina.datasets.points import spirals, xor
from lamina.datasets.preparation import LabelEncoder, Standardizer, quantile_edges, split
from lamina.datasets.readers import Table, read_table

__all__ = [
    "LabelEncoder",
    "Standardizer",
    "Table",
    "bars_and_stripes",
    "digits",
    "quantile_edges",
    "read_table",
    "rectangles",
    "shapeset",
    "spirals",
    "split",
    "xor",
]
