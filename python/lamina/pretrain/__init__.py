"""Unsupervised pre-training: autoencoders, and the greedy way to initialise a deep net with them."""

from lamina.pretrain.autoencoder import Autoencoder
from lamina.pretrain.greedy import greedy

__all__ = ["Autoencoder", "greedy"]
