// The products of every format, one row of activations and several, and quantization, against their definitions.
#pragma once
#include "checking.h"
#include "kernels.h"

// Activations as the kernels have them: units of 304 bytes, and scales apart.
struct Units
{
    Aligned memory;
    std::vector<float> scales;
    explicit Units(const std::vector<const reference::Activations*>& rows) : memory(rows.size() * rows[0]->q.size() / 256 * UnitBytes)
    {
        u8* to = memory.data();
        for (const reference::Activations* a : rows)
            for (size_t s = 0; s < a->q.size() / 256; s++, to += UnitBytes)
            {
                memcpy(to, &a->q[256 * s], 256);
                bool whole = a->d.size() == a->q.size() / 256;
                for (int i = 0; i < 16 && whole; i++) ((s16*)(to + Sums16At))[i] = (s16)a->sums16[16 * s + i];
                if (!whole) memcpy(to + ScalesAt, &a->d[8 * s], 32);
                for (int i = 0; i < 8; i++) ((s16*)(to + Sums32At))[i] = (s16)a->sums32[8 * s + i];
                if (whole) scales.push_back(a->d[s]);
            }
    }
};

template <typename A> struct Product { int type; void (*one)(A), (*four)(A), (*many)(A) = nullptr; };
#define PRODUCT(type, name) {reference::type, gemv_##name##_1, gemv_##name##_4, gemm_##name}
inline const Product<GemvArgs> quantized[] = {PRODUCT(Q4_0, q4_0), PRODUCT(Q8_0, q8_0), PRODUCT(Q2_K, q2_k), PRODUCT(Q3_K, q3_k), PRODUCT(Q4_K, q4_k),
    PRODUCT(Q5_K, q5_k), PRODUCT(Q6_K, q6_k), PRODUCT(MXFP4, mxfp4)};
#undef PRODUCT
inline const Product<FloatGemvArgs> plain[] = {{reference::F32, gemv_f32_1, gemv_f32_4}, {reference::F16, gemv_f16_1, gemv_f16_4}};

inline std::vector<reference::Input> inputs(const std::vector<float>& x, int k)
{
    std::vector<reference::Input> rows;
    for (size_t i = 0; i < x.size(); i += k) rows.emplace_back(&x[i], k);
    return rows;
}
inline std::vector<float> products(int type, const std::vector<uint8_t>& w, const std::vector<reference::Input>& x, int rows, int k)
{
    std::vector<float> y;
    for (const reference::Input& row : x) for (int r = 0; r < rows; r++) y.push_back(reference::dot(type, &w[r * reference::row_bytes(type, k)], k, row));
    return y;
}

// Rows of activations that reach the largest sums, too: all 1, all -1.
inline std::vector<float> activations(int tokens, int k)
{
    std::vector<float> x = floats((size_t)tokens * k);
    for (int i = 0; i < k && tokens > 2; i++) x[k + i] = 1, x[2 * k + i] = -1;
    return x;
}

// Rows filled up to whole units.
inline Aligned device_rows(int type, const std::vector<uint8_t>& w, int rows, int k)
{
    const reference::Format& f = reference::format(type);
    size_t rowBytes = reference::row_bytes(type, k), wholeBytes = (size_t)(k + 255) / 256 * (256 / f.length) * f.bytes;
    if (f.length == 1) return Aligned(w.data(), w.size());
    Aligned device((size_t)rows * wholeBytes);
    memset(device.data(), 0, (size_t)rows * wholeBytes);
    for (int r = 0; r < rows; r++) memcpy(device.data() + r * wholeBytes, &w[r * rowBytes], rowBytes);
    return device;
}

inline void gemv_quantized(const Product<GemvArgs>& p, int rows, int k, int tokens, int warps)
{
    const reference::Format& f = reference::format(p.type);
    int units = (k + 255) / 256, unitBytes = 256 / f.length * f.bytes, perBlock = (300 / units + 8) / 8 * 8;
    std::vector<uint8_t> w = reference::weights(p.type, rows, k, rng);
    if (!f.halves.empty()) for (int i = 0; i < f.bytes; i++) if (std::find(f.halves.begin(), f.halves.end(), i & ~1) == f.halves.end()) w[i] = 0xff;
    Aligned device = device_rows(p.type, w, rows, k);
    std::vector<float> x = activations(tokens, k);
    std::vector<reference::Input> in = inputs(x, k);
    std::vector<const reference::Activations*> as;
    for (const reference::Input& i : in) as.push_back(f.length == 256 ? &i.by256 : &i.by32);
    Units unitsOf(as);
    std::vector<float> want = products(p.type, w, in, rows, k), y(want.size(), NAN);
    GemvArgs a = {device.data(), unitsOf.memory.data(), unitsOf.scales.data(), y.data(), rows, units, tokens, rows, perBlock,
        (u32)((0x80000000ull + units - 1) / units)};
    for (int at : {1, 4})
    {
        if (at == 1 && tokens > 1 && warps > 1) continue; // one at a time: the same kernel for each
        std::fill(y.begin(), y.end(), NAN);
        int shared = warps * 64 * unitBytes + at * units * (UnitBytes + 4 * perBlock);
        emulate::launch(f.name, {(rows + perBlock - 1) / perBlock, (tokens + at - 1) / at}, 32 * warps, shared, [&] { (at == 1 ? p.one : p.four)(a); });
        check(std::string("gemv_") + f.name + "_" + std::to_string(at) + " k " + std::to_string(k), y.data(), want.data(), want.size());
    }
    if (tokens == 1) return;
    std::fill(y.begin(), y.end(), NAN);
    std::string many = std::string("gemm_") + f.name;
    emulate::launch(many.c_str(), {(rows + 63) / 64, (tokens + 63) / 64}, 128, (f.length == 256 ? 128 + 64 : 64 + 64) * 272, [&] { p.many(a); });
    check(many + " k " + std::to_string(k), y.data(), want.data(), want.size());
}

inline void gemv_plain(const Product<FloatGemvArgs>& p, int rows, int k, int tokens)
{
    std::vector<uint8_t> w = reference::weights(p.type, rows, k, rng);
    Aligned device(w.data(), w.size());
    std::vector<float> x = activations(tokens, k), want = products(p.type, w, inputs(x, k), rows, k), y(want.size());
    for (int at : {1, 4})
    {
        std::fill(y.begin(), y.end(), NAN);
        FloatGemvArgs a = {device.data(), x.data(), y.data(), rows, k, tokens, rows};
        emulate::launch(reference::format(p.type).name, {(rows + 7) / 8, (tokens + at - 1) / at}, 128, 0, [&] { (at == 1 ? p.one : p.four)(a); });
        check(std::string("gemv_") + reference::format(p.type).name + "_" + std::to_string(at), y.data(), want.data(), want.size());
    }
}

// Seven entries of experts 0 and 2 of three, in tiles of 1, 4 and 64: the last ones are empty.
const int TileRows = 24;
inline const std::vector<int> entryExperts = {0, 0, 0, 0, 0, 2, 2};
inline std::vector<Tile> tiles_of(int size)
{
    std::vector<Tile> tiles;
    for (int first : {0, 5})
        for (int at = first, end = first ? 7 : 5; at < end; at += size) tiles.push_back({at, size == 1 ? at + 1 : end, entryExperts[at]});
    tiles.push_back({0, 0, 0});
    return tiles;
}
inline std::vector<float> entry_products(int type, const std::vector<uint8_t>& w, const std::vector<reference::Input>& in, int k, bool oneInput)
{
    std::vector<float> want;
    size_t rowBytes = reference::row_bytes(type, k);
    for (size_t i = 0; i < entryExperts.size(); i++)
        for (int r = 0; r < TileRows; r++) want.push_back(reference::dot(type, &w[(entryExperts[i] * TileRows + r) * rowBytes], k, in[oneInput ? 0 : i]));
    return want;
}
template <typename A, typename F>
void check_tiles(const std::string& name, A a, int type, const std::vector<uint8_t>& w, const std::vector<reference::Input>& in, int k, int size, F launch)
{
    std::vector<Tile> tiles = tiles_of(size);
    a.tiles = tiles.data();
    for (int one = 0; one <= (size == 1); one++)
    {
        std::vector<float> want = entry_products(type, w, in, k, one), y(want.size(), NAN);
        a.y = y.data();
        a.oneInput = one;
        launch(a, (int)tiles.size());
        check(name + " in tiles of " + std::to_string(size), y.data(), want.data(), want.size());
    }
}

inline void tiles_quantized(const Product<GemvArgs>& p, int k)
{
    const reference::Format& f = reference::format(p.type);
    int units = (k + 255) / 256, unitBytes = 256 / f.length * f.bytes, entries = (int)entryExperts.size();
    std::vector<uint8_t> w = reference::weights(p.type, 3 * TileRows, k, rng);
    Aligned device = device_rows(p.type, w, 3 * TileRows, k);
    std::vector<float> x = activations(entries, k);
    std::vector<reference::Input> in = inputs(x, k);
    std::vector<const reference::Activations*> as;
    for (const reference::Input& i : in) as.push_back(f.length == 256 ? &i.by256 : &i.by32);
    Units unitsOf(as);
    GemvArgs a = {device.data(), unitsOf.memory.data(), unitsOf.scales.data(), nullptr, TileRows, units, entries, TileRows, 8,
        (u32)((0x80000000ull + units - 1) / units), nullptr, (u64)TileRows * units * unitBytes};
    for (int size : {1, 4, 64})
        check_tiles(f.name, a, p.type, w, in, k, size, [&](GemvArgs args, int count)
        {
            int shared = 2 * 64 * unitBytes + size * units * (UnitBytes + 4 * 8);
            if (size == 64) emulate::launch(f.name, {1, count}, 128, (f.length == 256 ? 128 + 64 : 64 + 64) * 272, [&] { p.many(args); });
            else emulate::launch(f.name, {TileRows / 8, count}, 64, shared, [&] { (size == 1 ? p.one : p.four)(args); });
        });
}
inline void tiles_plain(const Product<FloatGemvArgs>& p, int k)
{
    std::vector<uint8_t> w = reference::weights(p.type, 3 * TileRows, k, rng);
    Aligned device(w.data(), w.size());
    std::vector<float> x = activations((int)entryExperts.size(), k);
    FloatGemvArgs a = {device.data(), x.data(), nullptr, TileRows, k, (int)entryExperts.size(), TileRows, nullptr, w.size() / 3};
    for (int size : {1, 4})
        check_tiles(reference::format(p.type).name, a, p.type, w, inputs(x, k), k, size,
            [&](FloatGemvArgs args, int count) { emulate::launch("floats", {TileRows / 8, count}, 128, 0, [&] { (size == 1 ? p.one : p.four)(args); }); });
}

// What norm and activate put into units, against the definition's activations.
inline void check_units(const std::string& name, Aligned& q256, std::vector<float>& scales, Aligned& q32, const std::vector<reference::Input>& want, bool whole)
{
    std::vector<const reference::Activations*> a256, a32;
    for (const reference::Input& i : want) { a256.push_back(&i.by256); a32.push_back(&i.by32); }
    Units by32(a32);
    check(memcmp(q32.data(), by32.memory.data(), by32.memory.memory.size() * 16) == 0, name + ": blocks of 32");
    if (!whole) return;
    Units by256(a256);
    check(memcmp(q256.data(), by256.memory.data(), by256.memory.memory.size() * 16) == 0, name + ": blocks of 256");
    check(name + ": scales", scales.data(), by256.scales.data(), by256.scales.size());
}

inline void matrix_tests()
{
    for (const auto& p : quantized)
    {
        gemv_quantized(p, 37, 256, 1, 4);
        gemv_quantized(p, 21, 768, 6, 1); // 3 units: rows of some formats begin at odd half words
        gemv_quantized(p, 70, 1280, 3, 2);
        if (reference::format(p.type).length == 32) gemv_quantized(p, 19, 352, 5, 4); // a last group of three blocks
        gemv_quantized(p, 70, 512, 70, 4); // two tiles of the matrix units' product
    }
    for (const auto& p : quantized) tiles_quantized(p, 512);
    for (const auto& p : plain) tiles_plain(p, 88);
    for (const auto& p : plain)
    {
        gemv_plain(p, 19, 256, 5);
        gemv_plain(p, 3, 88, 3);
    }
}
