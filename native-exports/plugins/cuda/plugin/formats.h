// The definitions of weight formats, one scalar dot product each, as in engine/Kernels/Formats.
#pragma once
#include "reference.h"
#include <cstdlib>
#include <random>

namespace reference
{
enum Type { F32 = 0, F16 = 1, Q4_0 = 2, Q8_0 = 8, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14, MXFP4 = 39 }; // ggml's numbers
struct Format { int type, bytes, length; std::vector<int> halves; const char* name; };                                // halves: where a block has scales
inline const std::vector<Format>& formats()
{
    static const std::vector<Format> all = {{F32, 4, 1, {}, "f32"}, {F16, 2, 1, {0}, "f16"}, {Q4_0, 18, 32, {0}, "q4_0"}, {Q8_0, 34, 32, {0}, "q8_0"},
        {Q2_K, 84, 256, {80, 82}, "q2_k"}, {Q3_K, 110, 256, {108}, "q3_k"}, {Q4_K, 144, 256, {0, 2}, "q4_k"}, {Q5_K, 176, 256, {0, 2}, "q5_k"},
        {Q6_K, 210, 256, {208}, "q6_k"}, {MXFP4, 17, 32, {}, "mxfp4"}};
    return all;
}
inline const Format& format(int type)
{
    for (const Format& f : formats()) if (f.type == type) return f;
    abort();
}
inline size_t row_bytes(int type, int k) { return (size_t)k / format(type).length * format(type).bytes; }

// Random weights as a quantizer might write them: any bits, scales of a sane size.
inline std::vector<uint8_t> weights(int type, int rows, int k, std::mt19937& random, float size = 0.02f)
{
    const Format& f = format(type);
    std::normal_distribution<float> normal;
    std::vector<uint8_t> v(row_bytes(type, k) * rows);
    for (uint8_t& b : v) b = (uint8_t)random();
    for (size_t i = 0; i < v.size(); i += f.bytes)
    {
        float scale = type == F16 || type == F32 ? size * 8 : size / (f.length == 32 ? 4 : 16);
        for (int at : f.halves) { uint16_t h = to_half(normal(random) * scale); memcpy(&v[i + at], &h, 2); }
        if (type == F32) { float w = normal(random) * scale; memcpy(&v[i], &w, 4); }
        if (type == MXFP4) v[i] = (uint8_t)(118 + random() % 6);
    }
    return v;
}

struct Activations // of one row, quantized in blocks of 256 or 32, the last group filled up
{
    std::vector<int8_t> q;
    std::vector<float> d;
    std::vector<int> sums16, sums32;
    bool finite = true;
};
inline Activations quantize(const float* x, int n, int length)
{
    int whole = (n + 255) / 256 * 256;
    Activations a{std::vector<int8_t>(whole), std::vector<float>(whole / length), std::vector<int>(whole / 16), std::vector<int>(whole / 32), true};
    for (int s = 0; s < n / length; s++)
    {
        uint32_t amax = 0;
        for (int i = 0; i < length; i++) { uint32_t b = bits(x[length * s + i]) & 0x7fffffff; if (b > amax) amax = b; }
        if (amax >= 0x7f800000) a.finite = false;
        if (amax < 27u << 23 || amax >= 0x7f800000) continue;
        float max = from_bits(amax), inverse = 127.0f / max;
        for (int i = 0; i < length; i++)
        {
            float r = std::nearbyintf(x[length * s + i] * inverse);
            a.q[length * s + i] = (int8_t)(r > 127 ? 127 : r < -127 ? -127 : r);
        }
        a.d[s] = max / 127.0f;
    }
    for (int i = 0; i < whole; i++) { a.sums16[i / 16] += a.q[i]; a.sums32[i / 32] += a.q[i]; }
    return a;
}
struct Input // one row in every form
{
    const float* x;
    Activations by256, by32;
    Input(const float* row, int n) : x(row), by32(quantize(row, n / 32 * 32, 32)) { if (n % 256 == 0) by256 = quantize(row, n, 256); }
};

// What a super-block of K says of its value i and of the scale and minimum of its block.
struct Part { int q, scale, min; };
inline Part part(int type, const uint8_t* w, int i)
{
    int h = i / 128, j = i % 128 / 32, l = i % 32, b = i / 32;
    switch (type)
    {
    case Q2_K: return {w[16 + 32 * h + l] >> (2 * j) & 3, w[i / 16] & 15, w[i / 16] >> 4};
    case Q3_K:
    {
        const uint8_t* s = w + 96;
        int k = i / 16, scale = (s[k % 8] >> (k / 8 * 4) & 15) | (s[8 + k % 4] >> (k / 4 * 2) & 3) << 4;
        return {((w[32 + 32 * h + l] >> (2 * j) & 3) | (w[l] >> (i / 32) & 1) << 2) - 4, scale - 32, 0};
    }
    case Q6_K: return {((w[64 * h + j % 2 * 32 + l] >> (j / 2 * 4) & 15) | (w[128 + 32 * h + l] >> (2 * j) & 3) << 4) - 32, (int8_t)w[192 + i / 16], 0};
    default: // Q4_K, Q5_K
    {
        const uint8_t* s = w + 4, *qs = w + (type == Q4_K ? 16 : 48);
        int scale = b < 4 ? s[b] & 63 : (s[b + 4] & 15) | s[b - 4] >> 6 << 4, min = b < 4 ? s[b + 4] & 63 : s[b + 4] >> 4 | s[b] >> 6 << 4;
        int q = qs[b / 2 * 32 + l] >> (b % 2 * 4) & 15;
        return {type == Q4_K ? q : q | (w[16 + l] >> b & 1) << 4, scale, min};
    }
    }
}
inline float half_at(const uint8_t* p) { return half((uint16_t)(p[0] | p[1] << 8)); }

inline float super_blocks(int type, const uint8_t* w, int k, const Activations& a)
{
    const Format& f = format(type);
    float acc = 0;
    for (int s = 0; s < k / 256; s++, w += f.bytes)
    {
        int isum = 0, msum = 0;
        for (int i = 0; i < 256; i++)
        {
            Part p = part(type, w, i);
            isum += p.q * p.scale * a.q[256 * s + i];
            msum += p.min * a.q[256 * s + i];
        }
        float v = (float)isum * half_at(w + f.halves[0]);
        if (f.halves.size() == 2) v = std::fmaf(-(float)msum, half_at(w + f.halves[1]), v);
        acc = std::fmaf(v, a.d[s], acc);
    }
    return acc;
}

inline float blocks32(int type, const uint8_t* w, int k, const Activations& a)
{
    static const int e2m1[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const Format& f = format(type);
    float acc = 0;
    for (int g = 0; g < k; g += 256)
    {
        float p[8] = {};
        for (int b = 0; b < 8 && g + 32 * b < k; b++, w += f.bytes)
        {
            int isum = 0;
            for (int i = 0; i < 32; i++)
            {
                int nibble = type == Q8_0 ? 0 : w[(type == MXFP4 ? 1 : 2) + i % 16] >> (i / 16 * 4) & 15;
                isum += (type == Q8_0 ? (int8_t)w[2 + i] : type == Q4_0 ? nibble - 8 : e2m1[nibble]) * a.q[g + 32 * b + i];
            }
            float d = type == MXFP4 ? from_bits(w[0] < 2 ? 0x00200000u << w[0] : (uint32_t)(w[0] - 1) << 23) : half_at(w);
            p[b] = (float)isum * d * a.d[g / 32 + b];
        }
        acc = acc + (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])));
    }
    return acc;
}

inline float dot(int type, const uint8_t* w, int k, const Input& x)
{
    if (format(type).length == 256) return super_blocks(type, w, k, x.by256);
    if (format(type).length == 32) return blocks32(type, w, k, x.by32);
    float lanes[16] = {};
    for (int i = 0; i < k; i++)
    {
        float v;
        if (type == F16) v = half_at(w + 2 * i);
        else memcpy(&v, w + 4 * i, 4);
        lanes[i % 16] = std::fmaf(v, x.x[i], lanes[i % 16]);
    }
    return tree16(lanes);
}
}
