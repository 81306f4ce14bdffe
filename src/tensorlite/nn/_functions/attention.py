"""Attention: several heads side by side, with the projections around them."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import _C
from ..._tensor import Tensor

__all__ = ["multi_head_attention_forward"]

_ops = _C.ops


def _none_or_dtype(input: Tensor | None) -> Any:
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A mask to be added to scores: of a bool one, -inf where it is True."""
    if mask is None:
        return None
    is_bool = mask.dtype == _C.bool
    if not is_bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            stacklevel=2,
        )
    if not is_bool:
        return mask
    return _ops.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _check_dims(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether there is a batch."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    dims = query.dim()
    kind = "batched (3-D)" if dims == 3 else "unbatched (2-D)"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {dims}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {dims - 1}-D but "
            f"found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{attn_mask.dim()}-D tensor instead"
            )
        due = (num_heads, query.size(0), key.size(0))
        if dims == 2 and attn_mask.dim() == 3 and attn_mask.shape != due:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {due} but got {attn_mask.shape}"
            )
    return dims == 3


def _packed_projections(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Each (steps, batch, embed), from one weight for all three."""
    embed = query.size(-1)
    if query is key and key is value:
        packed = _ops.linear(query, weight, bias)
        q, k, v = packed.view(*packed.shape[:-1], 3, embed).unbind(-2)
        return q, k, v
    q_weight, k_weight, v_weight = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if key is value:
        packed = _ops.linear(key, weight[embed:], None if bias is None else bias[embed:])
        k, v = packed.view(*packed.shape[:-1], 2, embed).unbind(-2)
        return _ops.linear(query, q_weight, biases[0]), k, v
    return (
        _ops.linear(query, q_weight, biases[0]),
        _ops.linear(key, k_weight, biases[1]),
        _ops.linear(value, v_weight, biases[2]),
    )


def _check_mask_shape(mask: Tensor, batch: int, heads: int, rows: int, columns: int) -> Tensor:
    """As (1 or batch * heads, rows, columns)."""
    if mask.dim() not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    due = (rows, columns) if mask.dim() == 2 else (batch * heads, rows, columns)
    if mask.shape != due:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {due}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What :class:`~tensorlite.nn.MultiheadAttention` computes, from its parameters.

    Inputs are ``(steps, batch, embed)`` or ``(steps, embed)``. Gives the output and, where
    ``need_weights``, the attention weights, over heads averaged or not.
    """
    is_batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        same_key, same_value = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same_key else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    rows, batch, embed = query.shape
    columns = key.size(0)
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        if key_padding_mask is not None:
            is_causal = False
    if embed != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}"
        )
    width = embed // num_heads
    if width * num_heads != embed:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )
        for name, weight in zip("qkv", (q_proj_weight, k_proj_weight, v_proj_weight)):
            if weight is None:
                raise AssertionError(
                    f"use_separate_proj_weight is True but {name}_proj_weight is None"
                )
        biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        project: Any = _ops.linear
        q = project(query, q_proj_weight, biases[0])
        k = project(key, k_proj_weight, biases[1])
        v = project(value, v_proj_weight, biases[2])
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _packed_projections(query, key, value, in_proj_weight, in_proj_bias)

    if attn_mask is not None:
        attn_mask = _check_mask_shape(attn_mask, batch, num_heads, rows, columns)
    extra = 0  # keys that are added
    if bias_k is not None and bias_v is not None:
        if static_k is not None:
            raise AssertionError("bias cannot be added to static key.")
        if static_v is not None:
            raise AssertionError("bias cannot be added to static value.")
        k = _ops.cat([k, bias_k.repeat(1, batch, 1)])
        v = _ops.cat([v, bias_v.repeat(1, batch, 1)])
        extra += 1
    elif bias_k is not None:
        raise AssertionError("bias_k is set but bias_v is None")
    elif bias_v is not None:
        raise AssertionError("bias_v is set but bias_k is None")

    def heads(t: Tensor, static: Tensor | None = None) -> Tensor:  # (batch, heads, steps, width)
        if static is None:
            return t.view(t.size(0), batch, num_heads, width).permute(1, 2, 0, 3)
        if static.size(0) != batch * num_heads:
            raise AssertionError(
                f"expecting static_k.size(0) of {batch * num_heads}, but got {static.size(0)}"
            )
        if static.size(2) != width:
            raise AssertionError(f"expecting static_k.size(2) of {width}, but got {static.size(2)}")
        return static.view(batch, num_heads, static.size(1), width)

    q, k, v = heads(q), heads(k, static_k), heads(v, static_v)
    if add_zero_attn:
        zeros = _ops.zeros(batch, num_heads, 1, width, dtype=k.dtype)
        k, v = _ops.cat([k, zeros], 2), _ops.cat([v, zeros], 2)
        extra += 1
    columns = k.size(2)
    mask = None
    if attn_mask is not None:
        mask = _ops.pad(attn_mask, (0, extra)) if extra else attn_mask
        split = (1, 1) if mask.size(0) == 1 else (batch, num_heads)
        mask = mask.view(*split, rows, mask.size(2))
    if key_padding_mask is not None:
        if extra:
            key_padding_mask = _ops.pad(key_padding_mask, (0, extra))
        for i, due in enumerate((batch, columns)):
            if key_padding_mask.size(i) != due:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{i}] to be {due}, but got "
                    f"{key_padding_mask.size(i)}"
                )
        padding = key_padding_mask.view(batch, 1, 1, columns)
        mask = padding if mask is None else mask + padding
    if not training:
        dropout_p = 0.0

    weights = None
    if need_weights:
        if is_causal and mask is None:
            raise AssertionError("is_causal needs attn_mask where the weights are wanted")
        scores = (q * math.sqrt(1.0 / width)) @ k.transpose(-2, -1)
        weights = _ops.softmax(scores if mask is None else scores + mask, -1)
        if dropout_p > 0.0:
            weights = _ops.dropout(weights, dropout_p, True)
        out = weights @ v
        if average_attn_weights:
            weights = weights.mean(1)
    else:
        out = _ops.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    out = out.permute(2, 0, 1, 3).reshape(rows, batch, embed)
    out = _ops.linear(out, out_proj_weight, out_proj_bias)
    if is_batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)
