"""Einstein's sums: every form of `np.einsum`."""

from __future__ import annotations

import math
import string

import numpy as np

from ..core.primitive import discrete, implements, primitive
from .indexing import at_add

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # as NumPy names the axes of sublists


@primitive
def einsum(*operands, subscripts, **options):
    """Einstein's sum: the product of all operands, summed over the axes that the output lacks.

    The VJP for operand i is the same product with g in its place, and its axes as the output's. An
    axis that stands in no other term was summed out of operand i alone: its cotangent repeats along
    that axis. One that stands in it twice picked a diagonal: its cotangent fills one.
    """
    return np.einsum(subscripts, *operands, **options)


def _einsum_vjp(i, g, y, *operands, subscripts, optimize=False, **options):
    inputs, output = _explicit(subscripts, operands)
    others = inputs[:i] + inputs[i + 1 :]
    wanted = inputs[i]
    distinct = "".join(dict.fromkeys(wanted))
    known = "".join(c for c in distinct if c in output or any(c in term for term in others))
    rest = operands[:i] + operands[i + 1 :]
    # A path that was given is one for the forward product.
    optimize = optimize if isinstance(optimize, (bool, str)) else True
    cotangent = np.einsum(f"{','.join([output, *others])}->{known}", g, *rest, optimize=optimize)
    cotangent = cotangent[tuple(slice(None) if c in known else None for c in distinct)]
    sizes = dict(zip(wanted, np.shape(operands[i]), strict=True))
    # Where the operand's axis has length 1 and was broadcast, the walk over the tape sums.
    shape = [sizes[c] if n == 1 else n for c, n in zip(distinct, cotangent.shape, strict=True)]
    cotangent = np.broadcast_to(cotangent, tuple(shape))
    if distinct == wanted:
        return cotangent
    places = np.ogrid[tuple(slice(n) for n in shape)]
    index = tuple(places[distinct.index(c)] for c in wanted)
    return at_add(np.zeros([shape[distinct.index(c)] for c in wanted], g.dtype), index, cotangent)


def _explicit(subscripts, operands):
    """The terms of the operands and that of the output, with letters in place of an ellipsis."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    unused = [c for c in LETTERS if c not in inputs]
    hidden = [
        np.ndim(x) - len(term) + 3 if "..." in term else 0
        for term, x in zip(terms, operands, strict=True)
    ]
    batch = "".join(unused[: max(hidden)])
    terms = [
        term.replace("...", batch[len(batch) - n :]) for term, n in zip(terms, hidden, strict=True)
    ]
    if arrow:
        return terms, output.replace("...", batch)
    letters = "".join(terms)
    alone = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in batch)
    return terms, batch + "".join(alone)


def _einsum_flops(output, *operands, subscripts, **options):
    terms, _ = _explicit(subscripts, operands)
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, n in zip(term, np.shape(operand), strict=True):
            sizes[letter] = max(n, sizes.get(letter, n))
    return len(operands) * math.prod(sizes.values())


einsum.flops = _einsum_flops
einsum.defvjp_each(_einsum_vjp)


def _term(sublist):
    return "".join("..." if axis is ... else LETTERS[axis] for axis in sublist)


@implements(np.einsum)
def _einsum(subscripts, *operands, **options):
    if not isinstance(subscripts, str):  # operand, sublist, operand, sublist, …, sublist
        given = (subscripts, *operands)
        n = len(given) // 2
        subscripts = ",".join(map(_term, given[1 : 2 * n : 2]))
        if len(given) > 2 * n:
            subscripts += "->" + _term(given[-1])
        operands = given[: 2 * n : 2]
    return einsum(*operands, subscripts=subscripts, **options)


discrete(np.einsum_path)
