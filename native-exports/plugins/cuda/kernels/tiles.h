// Which rows of activations a block of a product multiplies, and with which matrix.
#pragma once
#include "math.h"

struct Part { const u8* w; int first, end, x; }; // x: where the first one's input stands
template <typename A> DEVICE Part part_of(const A& a, int tokens)
{
    if (!a.tiles) return {a.w, block_index_y() * tokens, a.tokens, block_index_y() * tokens};
    Tile tile = a.tiles[block_index_y()];
    return {a.w + (u64)tile.expert * a.matrixBytes, tile.first, tile.end, a.oneInput ? 0 : tile.first};
}
