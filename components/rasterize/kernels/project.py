"""Compiled projection of Gaussians to the image, and its gradient. Same formulas as `reference.project`,
float32.

Kernels carry no annotations: numba compiles them as they are. No flag here lets the compiler assume finite
numbers: a training that diverges must show as Gaussians not drawn, not as an index outside an array.
"""

import math
from typing import no_type_check

import numpy as np
from numba import njit, prange

from liftlab.components.rasterize import rules

F32 = np.float32
ZERO, HALF, ONE, TWO = F32(0), F32(0.5), F32(1), F32(2)
ALPHA_MIN, BLUR, NEAR, MARGIN = (
    F32(rules.ALPHA_MIN),
    F32(rules.BLUR),
    F32(rules.NEAR),
    F32(rules.FRUSTUM_MARGIN),
)
TINY = F32(1e-24)
HUGE = F32(1e9)

PARALLEL = {"parallel": True, "fastmath": {"contract", "nsz", "arcp"}, "error_model": "numpy", "cache": True}
SERIAL = {"fastmath": {"contract", "nsz", "arcp"}, "error_model": "numpy", "cache": True}


@njit(**SERIAL)
@no_type_check
def _rotation(w, x, y, z):
    """Rotation matrix of a unit quaternion, row by row."""
    return (
        ONE - TWO * (y * y + z * z), TWO * (x * y - w * z), TWO * (x * z + w * y),
        TWO * (x * y + w * z), ONE - TWO * (x * x + z * z), TWO * (y * z - w * x),
        TWO * (x * z - w * y), TWO * (y * z + w * x), ONE - TWO * (x * x + y * y),
    )  # fmt: skip


@njit(**SERIAL)
@no_type_check
def _to_camera(V, a, b, c):
    return (
        V[0, 0] * a + V[0, 1] * b + V[0, 2] * c + V[0, 3],
        V[1, 0] * a + V[1, 1] * b + V[1, 2] * c + V[1, 3],
        V[2, 0] * a + V[2, 1] * b + V[2, 2] * c + V[2, 3],
    )


@njit(**SERIAL)
@no_type_check
def _clamped_slopes(x, y, rz, lens, width, height):
    """x / z and y / z inside the widened frustum, and whether each was inside already."""
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    margin_x, margin_y = MARGIN * HALF * F32(width) / fx, MARGIN * HALF * F32(height) / fy
    u, v = x * rz, y * rz
    clamped_u = min(max(u, -cx / fx - margin_x), (F32(width) - cx) / fx + margin_x)
    clamped_v = min(max(v, -cy / fy - margin_y), (F32(height) - cy) / fy + margin_y)
    return clamped_u, clamped_v, clamped_u == u, clamped_v == v


@njit(**SERIAL)
@no_type_check
def _project_rows(V, j00, j02, j11, j12):
    """Jacobian times world-to-camera rotation, [2, 3], row by row."""
    return (
        j00 * V[0, 0] + j02 * V[2, 0], j00 * V[0, 1] + j02 * V[2, 1], j00 * V[0, 2] + j02 * V[2, 2],
        j11 * V[1, 0] + j12 * V[2, 0], j11 * V[1, 1] + j12 * V[2, 1], j11 * V[1, 2] + j12 * V[2, 2],
    )  # fmt: skip


@njit(**PARALLEL)
@no_type_check
def project(means, quats, scales, opacities, V, lens, width, height):
    """Project N Gaussians.

    Args: means [N,3], quats [N,4] wxyz, scales [N,3], opacities [N], V world_to_camera [4,4], lens (fx, fy,
    cx, cy). Returns: means2d [N,2] px, conics [N,3] (xx, xy, yy of the inverse covariance), depths [N],
    extents [N,2]: half width and height, px, of the box in which alpha reaches 1/255; 0 where the Gaussian is
    not drawn.
    """
    N = means.shape[0]
    means2d = np.zeros((N, 2), F32)
    conics = np.zeros((N, 3), F32)
    depths = np.empty(N, F32)
    extents = np.zeros((N, 2), F32)
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    for i in prange(N):
        x, y, z = _to_camera(V, means[i, 0], means[i, 1], means[i, 2])
        depths[i] = z
        if not (z >= NEAR and z < HUGE and opacities[i] >= ALPHA_MIN):
            continue
        w, a, b, c = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
        n = ONE / math.sqrt(max(w * w + a * a + b * b + c * c, TINY))
        R = _rotation(w * n, a * n, b * n, c * n)
        rz = ONE / z
        u, v, _, _ = _clamped_slopes(x, y, rz, lens, width, height)
        P = _project_rows(V, fx * rz, -fx * u * rz, fy * rz, -fy * v * rz)
        xx, xy, yy = BLUR, ZERO, BLUR
        for k in range(3):
            s = scales[i, k]
            t0 = (P[0] * R[k] + P[1] * R[3 + k] + P[2] * R[6 + k]) * s
            t1 = (P[3] * R[k] + P[4] * R[3 + k] + P[5] * R[6 + k]) * s
            xx += t0 * t0
            xy += t0 * t1
            yy += t1 * t1
        determinant = xx * yy - xy * xy
        px, py = fx * x * rz + cx, fy * y * rz + cy
        if not (determinant > ZERO and determinant < F32(1e30) and abs(px) < HUGE and abs(py) < HUGE):
            continue
        reach = TWO * math.log(opacities[i] / ALPHA_MIN)
        ex, ey = math.sqrt(reach * xx), math.sqrt(reach * yy)
        if px + ex <= ZERO or px - ex >= F32(width) or py + ey <= ZERO or py - ey >= F32(height):
            continue
        means2d[i, 0], means2d[i, 1] = px, py
        conics[i, 0], conics[i, 1], conics[i, 2] = yy / determinant, -xy / determinant, xx / determinant
        extents[i, 0], extents[i, 1] = ex, ey
    return means2d, conics, depths, extents


@njit(**SERIAL)
@no_type_check
def _quaternion_gradient(w, x, y, z, n, m):
    """Gradient for the unnormalised quaternion; (w, x, y, z) is normalised by `n`, `m` is the gradient of
    the matrix."""
    dw = TWO * (z * (m[3] - m[1]) + y * (m[2] - m[6]) + x * (m[7] - m[5]))
    dx = TWO * (y * (m[1] + m[3]) + z * (m[2] + m[6]) + w * (m[7] - m[5]) - TWO * x * (m[4] + m[8]))
    dy = TWO * (x * (m[1] + m[3]) + z * (m[5] + m[7]) + w * (m[2] - m[6]) - TWO * y * (m[0] + m[8]))
    dz = TWO * (x * (m[2] + m[6]) + y * (m[5] + m[7]) + w * (m[3] - m[1]) - TWO * z * (m[0] + m[4]))
    along = dw * w + dx * x + dy * y + dz * z
    return (dw - along * w) * n, (dx - along * x) * n, (dy - along * y) * n, (dz - along * z) * n


@njit(**PARALLEL)
@no_type_check
def project_backward(
    means, quats, scales, V, lens, width, height, conics, extents, v_means2d, v_conics, v_depths
):
    """Gradients of `project`: v_means [N,3], v_quats [N,4], v_scales [N,3]; zero for Gaussians that were
    not drawn."""
    N = means.shape[0]
    v_means = np.zeros((N, 3), F32)
    v_quats = np.zeros((N, 4), F32)
    v_scales = np.zeros((N, 3), F32)
    fx, fy = lens[0], lens[1]
    for i in prange(N):
        if extents[i, 0] <= ZERO:
            continue
        x, y, z = _to_camera(V, means[i, 0], means[i, 1], means[i, 2])
        w, a, b, c = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
        n = ONE / math.sqrt(max(w * w + a * a + b * b + c * c, TINY))
        w, a, b, c = w * n, a * n, b * n, c * n
        R = _rotation(w, a, b, c)
        rz = ONE / z
        u, v, u_free, v_free = _clamped_slopes(x, y, rz, lens, width, height)
        P = _project_rows(V, fx * rz, -fx * u * rz, fy * rz, -fy * v * rz)

        # covariance = conic^-1, so its gradient is -Q G Q: Q the conic, G the conic's symmetric gradient
        q0, q1, q2 = conics[i, 0], conics[i, 1], conics[i, 2]
        g0, g1, g2 = v_conics[i, 0], HALF * v_conics[i, 1], v_conics[i, 2]
        e00, e01 = q0 * g0 + q1 * g1, q0 * g1 + q1 * g2
        e10, e11 = q1 * g0 + q2 * g1, q1 * g1 + q2 * g2
        c00, c01, c11 = -(e00 * q0 + e01 * q1), -(e00 * q1 + e01 * q2), -(e10 * q1 + e11 * q2)

        # covariance = T T^t + blur with T = P M, M = R diag(scales)
        p0 = p1 = p2 = p3 = p4 = p5 = ZERO
        m = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
        for k in range(3):
            s = scales[i, k]
            m0, m1, m2 = R[k] * s, R[3 + k] * s, R[6 + k] * s
            t0 = P[0] * m0 + P[1] * m1 + P[2] * m2
            t1 = P[3] * m0 + P[4] * m1 + P[5] * m2
            vt0, vt1 = TWO * (c00 * t0 + c01 * t1), TWO * (c01 * t0 + c11 * t1)
            p0 += vt0 * m0
            p1 += vt0 * m1
            p2 += vt0 * m2
            p3 += vt1 * m0
            p4 += vt1 * m1
            p5 += vt1 * m2
            vm0, vm1, vm2 = P[0] * vt0 + P[3] * vt1, P[1] * vt0 + P[4] * vt1, P[2] * vt0 + P[5] * vt1
            v_scales[i, k] = vm0 * R[k] + vm1 * R[3 + k] + vm2 * R[6 + k]
            if k == 0:
                m = (vm0 * s, m[1], m[2], vm1 * s, m[4], m[5], vm2 * s, m[7], m[8])
            elif k == 1:
                m = (m[0], vm0 * s, m[2], m[3], vm1 * s, m[5], m[6], vm2 * s, m[8])
            else:
                m = (m[0], m[1], vm0 * s, m[3], m[4], vm1 * s, m[6], m[7], vm2 * s)
        v_quats[i, 0], v_quats[i, 1], v_quats[i, 2], v_quats[i, 3] = _quaternion_gradient(w, a, b, c, n, m)

        j00 = p0 * V[0, 0] + p1 * V[0, 1] + p2 * V[0, 2]
        j02 = p0 * V[2, 0] + p1 * V[2, 1] + p2 * V[2, 2]
        j11 = p3 * V[1, 0] + p4 * V[1, 1] + p5 * V[1, 2]
        j12 = p3 * V[2, 0] + p4 * V[2, 1] + p5 * V[2, 2]
        gx, gy = v_means2d[i, 0] * fx * rz, v_means2d[i, 1] * fy * rz
        # J = [[fx/z, 0, -fx u/z], [0, fy/z, -fy v/z]] with u = x/z unless it was clamped to a constant
        vz = v_depths[i] - (gx * x + gy * y) * rz
        vz += rz * rz * (-fx * j00 - fy * j11 + fx * u * j02 + fy * v * j12)
        if u_free:
            gx -= fx * j02 * rz * rz
            vz += fx * j02 * u * rz * rz
        if v_free:
            gy -= fy * j12 * rz * rz
            vz += fy * j12 * v * rz * rz
        for j in range(3):
            v_means[i, j] = V[0, j] * gx + V[1, j] * gy + V[2, j] * vz
    return v_means, v_quats, v_scales
