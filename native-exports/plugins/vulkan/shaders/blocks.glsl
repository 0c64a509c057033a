// Products with quantized weights. An invocation owns a super-block, or a group of eight blocks of 32, of a row; the float chain of a row
// is one invocation's at the end. The including file defines BLOCK_WORDS (of 256 weights, without halves that were moved to the end
// of the row), `float share(w, x, halves)`, what the block at word w gives with the activations at word x, halves being the bit place of
// its moved halves, and `float chain(sum, share, x)`.
#include "product.glsl"
shared float shares[1024]; // tokensPerGroup * rowsPerGroup * blocks at most

int signed_byte(uint v, int i) { return bitfieldExtract(int(v), 8 * i, 8); }
int dot4(uint a, uint b, int s) // a: bytes 0..127, b: signed bytes
{
    return s + int(a & 255u) * signed_byte(b, 0) + int(a >> 8 & 255u) * signed_byte(b, 1) + int(a >> 16 & 255u) * signed_byte(b, 2) + int(a >> 24) * signed_byte(b, 3);
}
int sum16(uint x, uint i) { return bitfieldExtract(int(c.x.at[x + 64u + i / 2u]), int(i % 2u) * 16, 16); } // of values 16 i ..
int sum32(uint x, uint i) { return bitfieldExtract(int(c.x.at[x + 72u + i / 2u]), int(i % 2u) * 16, 16); }
uint byte_at(uint w, uint i) { return c.w.at[w + i / 4u] >> 8u * (i % 4u) & 255u; }
float half_at(uint place) { return half_to_float(c.w.at[place / 2u] >> 16u * (place % 2u) & 0xffffu); } // place: in halves

float share(uint w, uint x, uint halves);
float chain(float sum, float share_, uint x);

void main()
{
    uint row0 = first_row(), token0 = gl_WorkGroupID.z * c.tokensPerGroup;
    if (row0 >= c.rows) return;
    uint units = min(c.rowsPerGroup, c.rows - row0) * c.blocks, tokens = min(c.tokensPerGroup, c.tokens - token0);
    for (uint unit = gl_LocalInvocationID.x; unit < units; unit += 64u)
    {
        uint row = row0 + unit / c.blocks, block = unit % c.blocks, w = row * c.rowWords;
        uint halves = 2u * (w + c.blocks * BLOCK_WORDS) + block * MOVED_HALVES;
        for (uint t = 0u; t < tokens; t++)
            shares[t * units + unit] = share(w + block * BLOCK_WORDS, (token0 + t) * c.xStride + block * 80u, halves);
    }
    barrier();
    for (uint i = gl_LocalInvocationID.x; i < units / c.blocks * tokens; i += 64u)
    {
        uint token = i % tokens, row = i / tokens, x = (token0 + token) * c.xStride;
        float sum = 0.0;
        for (uint b = 0u; b < c.blocks; b++) sum = chain(sum, shares[token * units + row * c.blocks + b], x + b * 80u);
        put(token0 + token, row0 + row, sum);
    }
}
