"""Unsupervised pre-training: autoencoders and Boltzmann machines, and the greedy way to initialise a deep net."""

from lamina.pretrain.autoencoder import Autoencoder
from lamina.pretrain.greedy import greedy
from lamina.pretrain.rbm import RBM

__all__ = ["Autoencoder", "RBM", "greedy"]
