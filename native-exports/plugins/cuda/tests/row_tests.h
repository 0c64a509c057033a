// Norms, activations, rope, sums, the cache and attention against their definitions.
#pragma once
#include "matrix_tests.h"

struct Prepared // room for every form of some rows
{
    std::vector<float> floats, scales;
    Aligned q256, q32;
    int n;
    Prepared(int rows, int n) : floats((size_t)rows * n, NAN), scales((size_t)rows * ((n + 255) / 256), NAN),
        q256((size_t)rows * ((n + 255) / 256) * UnitBytes), q32((size_t)rows * ((n + 255) / 256) * UnitBytes), n(n) {}
    Forms forms() { return {floats.data(), n, n % 256 == 0 ? q256.data() : nullptr, scales.data(), q32.data()}; }
    void check_against(const std::string& name, const std::vector<float>& want)
    {
        check(name, floats.data(), want.data(), want.size());
        check_units(name, q256, scales, q32, inputs(want, n), n % 256 == 0);
    }
};

inline void norms(int rows, int n, bool centered, bool weighted, bool biased)
{
    auto x = floats((size_t)rows * n, 3), w = floats(n), b = floats(n), want = x;
    for (int i = 0; i < n / 3; i++) x[i] *= 1e-31f; // blocks that become zeros, products that are subnormal
    for (int r = 0; r < rows; r++) reference::norm(&x[(size_t)r * n], weighted ? w.data() : nullptr, biased ? b.data() : nullptr, &want[(size_t)r * n], n,
        1e-5f, centered);
    Prepared to(rows, n);
    u32 nonFinite = 0;
    NormArgs a = {x.data(), weighted ? w.data() : nullptr, biased ? b.data() : nullptr, to.forms(), &nonFinite, n, n, 0, centered, 1e-5f};
    emulate::launch("norm", {rows}, 256, 4 * n, [&] { norm(a); });
    to.check_against("norm", want);
    check(nonFinite == 0, "norm: finite");
}

inline void head_norms(int rows, int heads, int dim, bool weightEach)
{
    int stride = heads * dim + 32;
    auto x = floats((size_t)rows * stride), want = x, w = floats((size_t)heads * dim);
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < heads; h++)
        {
            float* at = &want[(size_t)r * stride + h * dim];
            reference::norm(at, &w[weightEach ? h * dim : 0], nullptr, at, dim, 1e-6f, false);
        }
    NormArgs a = {x.data(), w.data(), nullptr, {x.data(), stride, nullptr, nullptr, nullptr}, nullptr, dim, stride, weightEach ? dim : 0, 0, 1e-6f};
    emulate::launch("norm", {rows, heads}, 64, 4 * dim, [&] { norm(a); });
    check("head norms", x.data(), want.data(), x.size());
}

inline void activations(int rows, int n, int function, bool gated)
{
    auto x = floats((size_t)rows * n, 3), up = floats(x.size(), 5), want = x;
    for (int i = 0; i < n / 4; i++) x[i] *= 40;
    for (size_t i = 0; i < x.size(); i++) want[i] = reference::activation(x[i], function) * (gated ? reference::partner(up[i], function) : 1.0f);
    Prepared to(rows, n);
    u32 nonFinite = 0;
    int units = (n + 255) / 256;
    ActivateArgs a = {x.data(), gated ? up.data() : nullptr, to.forms(), &nonFinite, function, n, rows, units};
    auto run = [&] { emulate::launch("activate", {(rows * units + 3) / 4}, 128, 0, [&] { activate(a); }); };
    run();
    to.check_against("activate " + std::to_string(function), want);
    check(nonFinite == 0, "activate: finite");
    std::vector<float> both; // x and up side by side
    for (int r = 0; r < rows; r++)
    {
        both.insert(both.end(), &x[(size_t)r * n], &x[(size_t)r * n] + n);
        both.insert(both.end(), &up[(size_t)r * n], &up[(size_t)r * n] + n);
    }
    ActivateArgs side = {both.data(), gated ? both.data() + n : nullptr, to.forms(), &nonFinite, function, n, rows, units, 2 * n};
    emulate::launch("activate", {(rows * units + 3) / 4}, 128, 0, [&] { activate(side); });
    to.check_against("activate side by side " + std::to_string(function), want);
    for (float bad : {INFINITY, -NAN})
    {
        if (function == SwigluOai && !std::isnan(bad)) continue; // its limit makes it finite
        x[n - 1] = bad;
        nonFinite = 0;
        run();
        check(nonFinite == 1, "activate: not finite");
    }
}

inline void ropes(int rows, int heads, int dim, int dimensions, int offset, bool halves)
{
    int stride = heads * dim + 8;
    auto x = floats((size_t)rows * stride), want = x, cos = floats((size_t)rows * dimensions), sin = floats(cos.size());
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < heads; h++) reference::rope(&want[(size_t)r * stride + h * dim], &cos[r * dimensions], &sin[r * dimensions], offset,
            dimensions, halves);
    RopeArgs a = {x.data(), cos.data(), sin.data(), stride, heads, dim, offset, dimensions, dimensions, halves};
    emulate::launch("rope", {rows}, 64, 0, [&] { rope(a); });
    check("rope", x.data(), want.data(), x.size());
}

struct Shape { int keyDim, valueDim, group, kvHeads, keyHalf, valueHalf; };
inline void attention(Shape s, int rows, int position0, int window, float softcap, bool sinks, int firstBlock)
{
    int heads = s.kvHeads * s.group, positions = position0 + rows, blocks = (positions + 63) / 64, keyWidth = padded(s.keyDim), valueWidth = padded(s.valueDim);
    u64 keyOffset = 256, valueOffset = keyOffset + (u64)s.kvHeads * 64 * keyWidth * (s.keyHalf ? 2 : 4); // something else lies before
    u64 blockBytes = valueOffset + (u64)s.kvHeads * 64 * valueWidth * (s.valueHalf ? 2 : 4);
    Aligned pool(blockBytes * blocks);
    int kStride = s.kvHeads * s.keyDim, vStride = s.kvHeads * s.valueDim;
    auto k = floats((size_t)positions * kStride), v = floats((size_t)positions * vStride), q = floats((size_t)rows * heads * s.keyDim), sink = floats(heads);
    std::vector<int> table(blocks), at(positions, 0), where(positions);
    for (int b = 0; b < blocks; b++) table[b] = blocks - 1 - b;
    for (int p = 0; p < positions; p++) where[p] = p;
    u32 nonFinite = 0;
    CacheArgs c = {pool.data(), table.data(), at.data(), where.data(), blockBytes, keyOffset, valueOffset, s.kvHeads, s.keyDim, s.valueDim, s.keyHalf,
        s.valueHalf};
    for (int y = 0; y < 2; y++) // keys and values have strides of their own here
    {
        StoreArgs a = {c, k.data(), v.data(), y ? vStride : kStride, &nonFinite};
        std::vector<float> other((size_t)positions * std::max(kStride, vStride), 0.5f);
        (y ? a.keys : a.values) = other.data();
        std::vector<u128> keep = pool.memory;
        emulate::launch("store", {positions, 2}, 64, 0, [&] { store(a); });
        if (y == 0) continue;
        for (int b = 0; b < blocks; b++) memcpy(pool.data() + b * blockBytes, (u8*)keep.data() + b * blockBytes, valueOffset); // the keys of before
    }
    check(nonFinite == 0, "store: finite");
    c.positions += position0;
    int launched = blocks - firstBlock;
    std::vector<float> partial((size_t)rows * heads * launched * (valueWidth + 2), NAN), y((size_t)rows * heads * s.valueDim, NAN), want(y.size());
    AttentionArgs a = {c, q.data(), partial.data(), heads * s.keyDim, s.group, window ? window : 0x7fffffff, firstBlock, 0.11f, softcap};
    int shared = 64 * (keyWidth * (s.keyHalf ? 2 : 4) + 16) + 4 * s.group * (keyWidth + 64);
    CombineArgs combine = {partial.data(), sinks ? sink.data() : nullptr, c.positions, y.data(), heads * s.valueDim, s.valueDim, a.window, firstBlock,
        launched};
    auto round = [](float x, int isHalf) { return isHalf ? reference::half(reference::to_half(x)) : x; };
    std::vector<float> key(s.keyDim), value(s.valueDim);
    for (int r = 0; r < rows; r++)
        for (int h = 0; h < heads; h++)
        {
            auto keys = [&](int p)
            {
                for (int i = 0; i < s.keyDim; i++) key[i] = round(k[(size_t)p * kStride + h / s.group * s.keyDim + i], s.keyHalf);
                return key.data();
            };
            auto values = [&](int p)
            {
                for (int i = 0; i < s.valueDim; i++) value[i] = round(v[(size_t)p * vStride + h / s.group * s.valueDim + i], s.valueHalf);
                return value.data();
            };
            reference::attention(&q[((size_t)r * heads + h) * s.keyDim], s.keyDim, s.valueDim, position0 + r,
                {0.11f, softcap, window, sinks ? &sink[h] : nullptr}, keys, values, &want[((size_t)r * heads + h) * s.valueDim]);
        }
    for (auto kernel : {attention_1, attention_4})
    {
        emulate::launch("attention", {launched, s.kvHeads, rows}, 128, shared, [&] { kernel(a); });
        emulate::launch("attention_combine", {heads, rows}, 128, 0, [&] { attention_combine(combine); });
        check("attention " + std::to_string(s.keyDim) + "/" + std::to_string(s.group), y.data(), want.data(), y.size());
        std::fill(y.begin(), y.end(), NAN);
    }
    k[kStride - 1] = NAN;
    StoreArgs bad = {c, k.data(), k.data(), kStride, &nonFinite};
    if (s.keyDim == s.valueDim) emulate::launch("store", {1, 2}, 64, 0, [&] { store(bad); });
    check(s.keyDim != s.valueDim || nonFinite == 1, "store: not finite");
}

inline void small_ones()
{
    int n = 700;
    auto x = floats(n), y = floats(n), bias = floats(n / 2), want = x;
    for (int i = 0; i < n; i++) { float scaled = y[i] * 0.3f; want[i] += scaled; }
    emulate::launch("add", {3}, 256, 0, [&] { add({x.data(), y.data(), 0.3f, n}); });
    check("add", x.data(), want.data(), n);
    for (int i = 0; i < n; i++) { float scaled = y[i] * 1.7f; want[i] = scaled + bias[i % (n / 2)]; }
    emulate::launch("scale_bias", {2}, 64, 0, [&] { scale_bias({y.data(), bias.data(), 1.7f, n / 2, n / 2}); });
    check("scale_bias", y.data(), want.data(), n);
    for (int i = 0; i < n; i++) want[i] = reference::softcap(x[i], 0.4f);
    emulate::launch("softcap", {3}, 256, 0, [&] { softcap({x.data(), 0.4f, n}); });
    check("softcap", x.data(), want.data(), n);
    int rows[] = {4, 1};
    std::vector<float> some(200, NAN);
    emulate::launch("gather", {2}, 32, 0, [&] { gather({x.data(), rows, some.data(), 100}); });
    check("gather", some.data(), &x[400], 100);
    check("gather", &some[100], &x[100], 100);
}

inline void row_tests()
{
    norms(2, 512, false, true, false);
    norms(1, 352, true, true, true);
    norms(1, 96, false, false, false);
    head_norms(2, 3, 64, false);
    head_norms(1, 2, 80, true);
    for (int f = 0; f < 6; f++) activations(2, f % 2 ? 256 : 416, f, f % 2 == 1);
    ropes(3, 5, 64, 64, 0, false);
    ropes(2, 4, 96, 64, 16, true);
    attention({64, 64, 1, 2, 1, 1}, 3, 0, 0, 0, false, 0);
    attention({64, 64, 3, 2, 1, 0}, 2, 200, 0, 30, true, 0);
    attention({128, 128, 5, 1, 0, 1}, 1, 333, 100, 0, true, 3);
    attention({80, 40, 2, 1, 0, 0}, 2, 62, 0, 0, false, 0);
    attention({32, 32, 1, 1, 1, 1}, 1, 64 * 130 + 5, 0, 0, false, 0); // two rounds of the combination
    small_ones();
}
