"""The modules, one file per family."""

from . import utils as utils
from .activation import *
from .activation import __all__ as _activation
from .attention import MultiheadAttention
from .bag import EmbeddingBag
from .batchnorm import *
from .batchnorm import __all__ as _batchnorm
from .class_loss import *
from .class_loss import __all__ as _class_loss
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import *
from .conv import __all__ as _conv
from .distance import CosineSimilarity, PairwiseDistance
from .dropout import *
from .dropout import __all__ as _dropout
from .flatten import Flatten, Unflatten
from .groupnorm import *
from .groupnorm import __all__ as _groupnorm
from .instancenorm import *
from .instancenorm import __all__ as _instancenorm
from .lazy import LazyModuleMixin as LazyModuleMixin
from .linear import Bilinear, Identity, LazyLinear, Linear
from .loss import *
from .loss import __all__ as _loss
from .module import Module
from .normalization import LayerNorm, RMSNorm
from .padding import *
from .padding import __all__ as _padding
from .pooling import *
from .pooling import __all__ as _pooling
from .resize import *
from .resize import __all__ as _resize
from .rnn import *
from .rnn import __all__ as _rnn
from .sparse import Embedding
from .transformer import *
from .transformer import __all__ as _transformer

__all__ = [
    "Bilinear",
    "CosineSimilarity",
    "Embedding",
    "EmbeddingBag",
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
    *_batchnorm,
    *_class_loss,
    *_conv,
    *_dropout,
    *_groupnorm,
    *_instancenorm,
    *_loss,
    *_padding,
    *_resize,
    *_rnn,
    *_transformer,
    *_pooling,
]
