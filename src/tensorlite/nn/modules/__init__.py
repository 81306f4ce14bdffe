"""The modules, one file per family."""

from . import utils as utils
from .activation import *
from .activation import __all__ as _activation
from .attention import MultiheadAttention
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import *
from .conv import __all__ as _conv
from .distance import CosineSimilarity, PairwiseDistance
from .dropout import *
from .dropout import __all__ as _dropout
from .flatten import Flatten, Unflatten
from .lazy import LazyModuleMixin as LazyModuleMixin
from .linear import Bilinear, Identity, LazyLinear, Linear
from .loss import *
from .loss import __all__ as _loss
from .module import Module
from .normalization import LayerNorm, RMSNorm
from .pooling import *
from .pooling import __all__ as _pooling
from .rnn import *
from .rnn import __all__ as _rnn
from .sparse import Embedding
from .transformer import *
from .transformer import __all__ as _transformer

__all__ = [
    "Bilinear",
    "CosineSimilarity",
    "Embedding",
    "Flatten",
    "Identity",
    "LayerNorm",
    "LazyLinear",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "PairwiseDistance",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "MultiheadAttention",
    "Sequential",
    "Unflatten",
    *_activation,
    *_conv,
    *_dropout,
    *_loss,
    *_rnn,
    *_transformer,
    *_pooling,
]
