"""The loss (8) over some of the pixels and its gradient, compiled."""

from typing import no_type_check

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
@no_type_check  # keeps the tests' type checker from wrapping what numba has to read
def chunk(chi, A, b, points, weights, views, start, end, grad_chi, grad_rows):  # pragma: no cover
    """Loss of pixels [start, end); adds to `grad_chi` there and to `grad_rows` [R, 12] (A row by row, then b)."""
    loss = 0.0
    zero = chi.dtype.type(0)
    tiny = chi.dtype.type(1e-30)
    for row in range(A.shape[0]):
        v = views[row]
        a00, a01, a02 = A[row, 0, 0], A[row, 0, 1], A[row, 0, 2]
        a10, a11, a12 = A[row, 1, 0], A[row, 1, 1], A[row, 1, 2]
        a20, a21, a22 = A[row, 2, 0], A[row, 2, 1], A[row, 2, 2]
        b0, b1, b2 = b[row, 0], b[row, 1], b[row, 2]
        g00 = g01 = g02 = g10 = g11 = g12 = g20 = g21 = g22 = zero
        h0 = h1 = h2 = part = zero
        for p in range(start, end):
            x, y, z, w = points[row, 0, p], points[row, 1, p], points[row, 2, p], weights[row, p]
            r0 = chi[v, 0, p] - (a00 * x + a01 * y + a02 * z + b0)
            r1 = chi[v, 1, p] - (a10 * x + a11 * y + a12 * z + b1)
            r2 = chi[v, 2, p] - (a20 * x + a21 * y + a22 * z + b2)
            square = r0 * r0 + r1 * r1 + r2 * r2 + tiny
            distance = np.sqrt(square)
            part += w * distance
            g = w / distance
            r0, r1, r2 = g * r0, g * r1, g * r2
            grad_chi[v, 0, p] += r0
            grad_chi[v, 1, p] += r1
            grad_chi[v, 2, p] += r2
            h0 += r0
            h1 += r1
            h2 += r2
            g00 += r0 * x
            g01 += r0 * y
            g02 += r0 * z
            g10 += r1 * x
            g11 += r1 * y
            g12 += r1 * z
            g20 += r2 * x
            g21 += r2 * y
            g22 += r2 * z
        loss += part
        out = grad_rows[row]
        out[0] -= g00
        out[1] -= g01
        out[2] -= g02
        out[3] -= g10
        out[4] -= g11
        out[5] -= g12
        out[6] -= g20
        out[7] -= g21
        out[8] -= g22
        out[9] -= h0
        out[10] -= h1
        out[11] -= h2
    return loss
