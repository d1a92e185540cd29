"""Nets of layers in a row."""

from lamina.sequential.files import load
from lamina.sequential.net import Sequential

__all__ = ["Sequential", "load"]
