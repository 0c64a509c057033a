// Which fibers can go on: a bit each.
#pragma once
#include <vector>

struct Ready
{
    std::vector<unsigned long long> words;
    explicit Ready(int count) : words((count + 63) / 64) { for (int i = 0; i < count; i++) set(i); }
    void set(int i) { words[i / 64] |= 1ull << i % 64; }
    void clear(int i) { words[i / 64] &= ~(1ull << i % 64); }
    // The first one from i on, and around; -1: none.
    int from(int i) const
    {
        int n = (int)words.size();
        if (unsigned long long w = words[i / 64] >> i % 64) return i + __builtin_ctzll(w);
        for (int k = 1; k <= n; k++) if (unsigned long long w = words[(i / 64 + k) % n]) return (i / 64 + k) % n * 64 + __builtin_ctzll(w);
        return -1;
    }
    int last() const
    {
        for (int k = (int)words.size() - 1; k >= 0; k--) if (words[k]) return 64 * k + 63 - __builtin_clzll(words[k]);
        return -1;
    }
};
