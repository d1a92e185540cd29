"""Unsupervised pre-training: autoencoders and Boltzmann machines, stacked greedily, unrolled and fine-tuned."""

from lamina.pretrain.autoencoder import Autoencoder
from lamina.pretrain.dbn import DBN
from lamina.pretrain.greedy import greedy
from lamina.pretrain.rbm import RBM
from lamina.pretrain.unroll import unroll

__all__ = ["Autoencoder", "DBN", "RBM", "greedy", "unroll"]
