// Mixtures: the choice, the order of the entries, biases and the sum, against their definitions.
#pragma once
#include "row_tests.h"
#include "../plugin/routing.h"

inline void routes(const reference::Router& r, bool biased, float offset, bool twins)
{
    const int Rows = 3;
    auto logits = floats((size_t)Rows * r.count, 2), bias = floats(r.count, 0.3f);
    for (float& f : logits) f += offset;
    for (int i = 1; twins && i < Rows * r.count; i += 2) logits[i] = logits[i - 1];
    std::vector<int> experts(Rows * r.used, -1);
    std::vector<float> weights(experts.size(), NAN);
    std::vector<Tile> tiles(r.used);
    RouteArgs a = {logits.data(), biased ? bias.data() : nullptr, experts.data(), weights.data(), nullptr, r.count, r.used, r.groups, r.groupsUsed, r.gating,
        r.normalize, r.scale};
    int shared = 4 * (2 * r.count + r.groups + 2 * r.used);
    emulate::launch("route", {Rows}, 32, shared, [&] { route(a); });
    for (int row = 0; row < Rows; row++)
    {
        reference::Chosen want = reference::choose(r, &logits[row * r.count], biased ? bias.data() : nullptr);
        check(memcmp(&experts[row * r.used], want.experts.data(), 4 * r.used) == 0, "route: experts");
        check("route: weights", &weights[row * r.used], want.weights.data(), r.used);
    }
    a.tiles = tiles.data();
    emulate::launch("route", {1}, 32, shared, [&] { route(a); });
    for (int i = 0; i < r.used; i++) check(tiles[i].first == i && tiles[i].end == i + 1 && tiles[i].expert == experts[i], "route: tiles");
    for (int i = 0; i < r.count; i++) logits[i] = i == 3 ? 1.0f : NAN; // numbers of experts all the same, as many of them as there are
    emulate::launch("route", {1}, 32, shared, [&] { route(a); });
    for (int i = 0; i < r.used; i++) check(experts[i] >= 0 && experts[i] < r.count, "route: not finite");
}

inline void groups(int rows, int used, int count, int size)
{
    int entries = rows * used, tileCount = entries / size + std::min(entries, count);
    std::vector<int> experts(entries), places(entries, -1), rowOf(entries, -1), sorted(entries, -1);
    for (int& e : experts) e = (int)(rng() % count) % (count / 2 + 1) * 2 % count; // some have none
    std::vector<Tile> tiles(tileCount, Tile{-1, -1, -1});
    GroupArgs a = {experts.data(), places.data(), rowOf.data(), sorted.data(), tiles.data(), entries, used, count, size, tileCount};
    emulate::launch("group", {1}, 256, 4 * (2 * count + 2), [&] { group(a); });
    int at = 0, tile = 0;
    bool right = true;
    for (int e = 0; e < count; e++)
    {
        int first = at;
        for (int i = 0; i < entries; i++)
        {
            if (experts[i] != e) continue;
            right &= places[i] == at && rowOf[at] == i / used && sorted[at] == e;
            at++;
        }
        for (int i = first; i < at; i += size, tile++) right &= tiles[tile].first == i && tiles[tile].end == at && tiles[tile].expert == e;
    }
    for (; tile < tileCount; tile++) right &= tiles[tile].first >= tiles[tile].end;
    check(right, "group: " + std::to_string(entries) + " entries of " + std::to_string(count));
}

inline void mixes(bool placed, bool shared, bool gated)
{
    const int Rows = 3, Used = 4, N = 300;
    auto x = floats((size_t)Rows * Used * N), weights = floats(Rows * Used), other = floats((size_t)Rows * N), gate = floats(Rows), want = other, y = other;
    std::vector<int> places;
    for (int i = 0; i < Rows * Used; i++) places.push_back((7 * i + 2) % (Rows * Used));
    for (int r = 0; r < Rows; r++)
        for (int i = 0; i < N; i++)
        {
            float sum = 0;
            for (int k = 0; k < Used; k++) sum = std::fmaf(x[(size_t)(placed ? places[r * Used + k] : r * Used + k) * N + i], weights[r * Used + k], sum);
            float added = gated ? other[r * N + i] * reference::sigmoid(gate[r]) : other[r * N + i];
            want[r * N + i] = (shared ? sum + added : sum) * 0.7f;
        }
    MixArgs a = {x.data(), placed ? places.data() : nullptr, weights.data(), shared ? y.data() : nullptr, gated ? gate.data() : nullptr, y.data(), Used, N,
        0.7f};
    emulate::launch("mix", {Rows}, 256, 0, [&] { mix(a); });
    check("mix", y.data(), want.data(), y.size());
}

inline void expert_tests()
{
    routes({8, 2, 0, 0, 1, true, 1}, false, 0, false);
    routes({100, 7, 0, 0, 1, false, 1}, false, 0, true);
    routes({64, 6, 8, 3, 2, true, 2.5f}, true, 0, false);
    routes({24, 5, 24, 9, 2, true, 1}, true, -12, false);
    routes({33, 4, 0, 0, 3, false, 1}, true, 0, true);
    routes({5, 5, 0, 0, 3, false, 1}, false, 0, false);
    groups(1, 3, 8, 1);
    groups(40, 4, 12, 4);
    groups(300, 5, 300, 64);
    mixes(false, false, false);
    mixes(true, true, false);
    mixes(true, true, true);
    const int N = 70;
    auto y = floats(3 * N), bias = floats(5 * 2 * N), want = y;
    std::vector<int> sorted = {4, 0, 2};
    for (int i = 0; i < 3 * N; i++) want[i] += bias[sorted[i / N] * 2 * N + i % N];
    emulate::launch("expert_bias", {3}, 64, 0, [&] { expert_bias({y.data(), bias.data(), sorted.data(), N, 2 * N}); });
    check("expert_bias", y.data(), want.data(), y.size());
}
