// What each kernel is given: one struct by value, the same for the kernel, the plug-in and the tests. Strides are in floats.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// A unit is 256 activations: 304 bytes. Behind the 256 int8 stand, for weights with super-blocks of 256 (q256), 16 sums of 16 values, and for
// weights with blocks of 32 (q32), 8 scales as floats; then 8 sums of 32. Sums are int16. q256's scale, one a unit, stands apart.
// 304 bytes are 12 words modulo 32 banks: 8 lanes that read 16 bytes each of 8 units meet no bank twice.
enum { UnitBytes = 304, UnitVectors = 19, Sums16At = 256, ScalesAt = 256, Sums32At = 288 };

// Where the input of matrices goes, in the forms that they read; null: not wanted. Rows are n values, or units of 256, the last filled with zeros.
struct Forms
{
    float* floats;
    int stride;       // of floats
    u8* q256;
    float* scales;
    u8* q32;
};

// grid: rows, heads. A head is n values; n floats of dynamic shared memory.
struct NormArgs
{
    const float* x;
    const float* weight, *bias; // null: none
    Forms to;                   // q256, q32: one head only
    u32* nonFinite;
    int n, stride, weightStep;  // weightStep: from one head's weights to the next's
    int centered;
    float epsilon;
};

enum { Identity, Silu, Gelu, Relu, ReluSquared, SwigluOai };
// A warp a unit, 4 warps a block; units in all.
struct ActivateArgs
{
    const float* x, *up; // rows of n; up null: none
    Forms to;
    u32* nonFinite;
    int function, n, rows, unitsInRow;
    int stride = 0;      // of x and up; 0: n
};

// Of a row that has several experts, each is an entry. A block of a product multiplies some entries of one expert with its matrix: entries
// first .. end - 1 of the order by experts, and no more than the kernel takes at once. Where there are fewer tiles than blocks, the rest are empty.
struct Tile { int first, end, expert; };

// y[token * stride + row] = w[row] . x[token]; grid: blocks of rows, blocks of tokens. With tiles: w is one matrix behind the other, a token is an
// entry, and the second number of a block is a tile's.
struct GemvArgs
{
    const u8* w;         // rows of whole units
    const u8* x;         // [tokens][units][304]
    const float* scales; // [tokens][units]
    float* y;
    int rows, units, tokens, stride, rowsPerBlock;
    u32 reciprocal;      // 2^31 / units, rounded up
    const Tile* tiles = nullptr;
    u64 matrixBytes = 0;
    int oneInput = 0;    // 1: all entries read x[0]
};
struct FloatGemvArgs
{
    const u8* w;
    const float* x; // [tokens][k]
    float* y;
    int rows, k, tokens, stride;
    const Tile* tiles = nullptr;
    u64 matrixBytes = 0;
    int oneInput = 0;
};

enum { MaxExperts = 4096, MaxUsed = 256 }; // what the kernels of a mixture are laid out for
enum Gating { GateSoftmax = 1, GateSigmoid, GateSoftmaxOfChosen };
// The experts of each row, ascending, and their weights; grid: rows. 32 threads; 2 * count + groups + 2 * used floats of dynamic shared memory.
// With tiles there is one row, of which each expert becomes a tile.
struct RouteArgs
{
    const float* logits, *bias; // [row][count]; bias null: none
    int* experts;               // [row][used]
    float* weights;
    Tile* tiles;
    int count, used, groups, groupsUsed, gating, normalize;
    float scale;
};
// Entries in the order of their experts, those of an expert in the order of their rows; tiles of at most size entries, tileCount of them. One block
// of 256 threads; 2 * count + 2 ints of dynamic shared memory.
struct GroupArgs
{
    const int* experts;         // [entries]
    int* places, *rows, *sorted; // where an entry stands; of each place, its row and its expert
    Tile* tiles;
    int entries, used, count, size, tileCount;
};
// y[place] += bias[sorted[place]]; grid: places. Biases of an expert are step apart.
struct ExpertBiasArgs { float* y; const float* bias; const int* sorted; int n, step; };
// y = (sum of the experts' results, each times its weight, + shared * sigmoid(gate)) * scale; grid: rows.
struct MixArgs
{
    const float* x;             // [place][n]
    const int* places;          // [row][used]; null: entries stand in their own order
    const float* weights;
    const float* shared, *gate; // [row][n], [row]; null: none
    float* y;                   // may be shared
    int used, n;
    float scale;
};

// grid: rows.
struct RopeArgs
{
    float* x;
    const float* cos, *sin; // [row][width]
    int stride, heads, dim, offset, dimensions, width, halves;
};

// Where a batch's rows stand in a group's cache, and where a layer lies in a block of it.
struct CacheArgs
{
    u8* base;
    const int* tables, *tableAt, *positions; // a row's block at position p has number tables[tableAt[row] + p / 64]
    u64 blockBytes, keyOffset, valueOffset;
    int heads, keyDim, valueDim;             // rows in the cache are padded to multiples of 32
    int keyHalf, valueHalf;                  // 1: halves; 0: floats
};
// grid: rows, keys and values.
struct StoreArgs
{
    CacheArgs cache;
    const float* keys, *values;
    int stride;
    u32* nonFinite;
};
// grid: blocks of 64 positions, KV heads, rows. partial: [row][query head][block][2 + padded valueDim].
struct AttentionArgs
{
    CacheArgs cache;
    const float* q;
    float* partial;
    int stride, group, window, firstBlock;
    float scale, softcap;
};
// grid: query heads, rows.
struct CombineArgs
{
    const float* partial, *sinks;
    const int* positions;
    float* out;
    int stride, valueDim, window, firstBlock, blocks;
};

struct AddArgs { float* x; const float* y; float scale; int n; };                      // x += y * scale
struct ScaleArgs { float* y; const float* bias; float scale; int n, stride; };         // y = y * scale + bias; grid: rows
struct SoftcapArgs { float* y; float cap; int n; };                                    // y = cap * tanh(y / cap)
struct GatherArgs { const float* x; const int* rows; float* y; int n; };               // y[i] = x[rows[i]]; grid: rows
struct ProbeArgs { const float* a, *b, *c; u32* out; int n; };                         // out[operation][n]
enum { ProbeOperations = 14 };
