// The definitions of float operations, one scalar function each, as in engine/Kernels/Lanes (ScalarMath, ScalarFloat, ScalarAttention).
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace reference
{
inline uint32_t bits(float a) { uint32_t r; memcpy(&r, &a, 4); return r; }
inline float from_bits(uint32_t a) { float r; memcpy(&r, &a, 4); return r; }
inline float half(uint16_t h)
{
    int m = (h & 0x7fff) << 13;
    float v = m < 0x00800000 ? from_bits(m + 0x38800000) - from_bits(0x38800000) : from_bits(m + 0x38000000);
    return from_bits(bits(v) | (uint32_t)(h & 0x8000) << 16);
}
inline uint16_t to_half(float value)
{
    uint32_t b = bits(value), sign = b >> 16 & 0x8000, m = b & 0x7fffffff;
    if (m >= 0x477ff000) return (uint16_t)(sign | 0x7bff);
    if (m < 0x38800000) return (uint16_t)(sign | (bits(from_bits(m) + 0.5f) - 0x3f000000));
    return (uint16_t)(sign | ((m - 0x38000000 + 0xfff + (m >> 13 & 1)) >> 13));
}
inline float tree16(float* l)
{
    for (int half = 8; half > 0; half /= 2) for (int i = 0; i < half; i++) l[i] += l[i + half];
    return l[0];
}
inline float exp(float x)
{
    if (x < -87.33654f) return 0;
    if (x > 89.0f) x = 89.0f;
    float n = std::nearbyintf(x * 1.44269504f);
    float r = std::fmaf(n, -0.693359375f, x);
    r = std::fmaf(n, 2.12194440e-4f, r);
    float p = std::fmaf(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = std::fmaf(p, r, 8.3334519073e-3f);
    p = std::fmaf(p, r, 4.1665795894e-2f);
    p = std::fmaf(p, r, 1.6666665459e-1f);
    p = std::fmaf(p, r, 5.0000001201e-1f);
    p = std::fmaf(p, r * r, r) + 1.0f;
    return p * from_bits((uint32_t)((int)n + 127) << 23);
}
inline float softcap(float x, float c) { return c * (1.0f - 2.0f / (exp(2.0f * (x / c)) + 1.0f)); }

// function: the header's number; 0: x itself.
inline float activation(float x, int function)
{
    switch (function)
    {
    case 1: return x / (1.0f + exp(x * -1.0f));
    case 2: return x / (1.0f + exp(x * -1.5957691216f * std::fmaf(x * x, 0.044715f, 1.0f)));
    case 3: return x < 0 ? 0 : x;
    case 4: return x < 0 ? 0 : x * x;
    case 5: x = x > 7 ? 7 : x; return x / (1.0f + exp(x * -1.702f));
    default: return x;
    }
}
inline float partner(float y, int function) { return function == 5 ? (y < -7 ? -7 : y > 7 ? 7 : y) + 1.0f : y; }

inline void norm(const float* x, const float* w, const float* b, float* y, int n, float epsilon, bool centered)
{
    float lanes[16] = {}, mean = 0;
    if (centered)
    {
        for (int i = 0; i < n; i++) lanes[i % 16] += x[i];
        mean = tree16(lanes) / (float)n;
        for (float& l : lanes) l = 0;
    }
    for (int i = 0; i < n; i++) lanes[i % 16] = std::fmaf(x[i] - mean, x[i] - mean, lanes[i % 16]);
    float scale = 1.0f / std::sqrt(tree16(lanes) / (float)n + epsilon);
    for (int i = 0; i < n; i++)
    {
        float v = (x[i] - mean) * scale;
        if (w) v *= w[i];
        if (b) v += b[i];
        y[i] = v;
    }
}

inline void rope(float* head, const float* cos, const float* sin, int offset, int dimensions, bool halves)
{
    for (int i = 0; i < dimensions / 2; i++)
    {
        int p = halves ? i : 2 * i, q = halves ? i + dimensions / 2 : 2 * i + 1;
        float x = head[offset + p], y = head[offset + q];
        head[offset + p] = std::fmaf(x, cos[p], y * sin[p]);
        head[offset + q] = std::fmaf(y, cos[q], x * sin[q]);
    }
}

struct Scoring { float scale, softcap; int window; const float* sink; }; // window 0: none; sink null: none

// One row and query head at a position; a key and a value of a position as floats come from the functions.
inline void attention(const float* q, int keyDim, int valueDim, int position, Scoring a, const std::function<const float*(int)>& keys,
    const std::function<const float*(int)>& values, float* out)
{
    int first = a.window && position + 1 > a.window ? position + 1 - a.window : 0;
    float max = -INFINITY, sum = 0;
    std::vector<float> block(valueDim), s(64);
    for (int i = 0; i < valueDim; i++) out[i] = 0;
    for (int b = first / 64; b <= position / 64; b++)
    {
        int start = first > 64 * b ? first - 64 * b : 0, end = position + 1 - 64 * b < 64 ? position + 1 - 64 * b : 64;
        float m = -INFINITY, lanes[16] = {};
        for (int j = start; j < end; j++)
        {
            float dot[16] = {};
            const float* k = keys(64 * b + j);
            for (int i = 0; i < keyDim; i++) dot[i % 16] = std::fmaf(q[i], k[i], dot[i % 16]);
            s[j] = tree16(dot) * a.scale;
            if (a.softcap != 0) s[j] = softcap(s[j], a.softcap);
            if (s[j] > m) m = s[j];
        }
        for (float& o : block) o = 0;
        for (int j = start; j < end; j++)
        {
            float p = exp(s[j] - m);
            lanes[j % 16] += p;
            const float* v = values(64 * b + j);
            for (int i = 0; i < valueDim; i++) block[i] = std::fmaf(p, v[i], block[i]);
        }
        float now = m > max ? m : max, keep = exp(max - now), take = exp(m - now);
        sum = std::fmaf(sum, keep, tree16(lanes) * take);
        for (int i = 0; i < valueDim; i++) out[i] = std::fmaf(out[i], keep, block[i] * take);
        max = now;
    }
    float keep = 1;
    if (a.sink)
    {
        float now = *a.sink > max ? *a.sink : max;
        keep = exp(max - now);
        sum = std::fmaf(sum, keep, exp(*a.sink - now));
    }
    for (int i = 0; i < valueDim; i++) out[i] = out[i] * keep / sum;
}
}
