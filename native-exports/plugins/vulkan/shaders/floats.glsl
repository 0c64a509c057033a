// Products with float weights: 16 invocations a row, one for each virtual lane; then the tree. The including file defines
// `float weight(w, i)`, value i of the row at word w. A workgroup has four rows.
#include "product.glsl"
shared float lanes[64];
float weight(uint w, uint i);

void main()
{
    uint id = gl_LocalInvocationID.x, lane = id % 16u, row0 = first_row(), row = row0 + id / 16u;
    if (row0 >= c.rows) return;
    uint token0 = gl_WorkGroupID.z * c.tokensPerGroup, tokens = min(c.tokensPerGroup, c.tokens - token0);
    for (uint t = token0; t < token0 + tokens; t++)
    {
        float sum = 0.0;
        if (row < c.rows)
            for (uint i = lane; i < c.blocks; i += 16u) sum = fused(weight(row * c.rowWords, i), uintBitsToFloat(c.x.at[t * c.xStride + i]), sum);
        lanes[id] = sum;
        for (uint n = 8u; n > 0u; n /= 2u)
        {
            barrier();
            if (lane < n) lanes[id] = add(lanes[id], lanes[id + n]);
        }
        if (lane == 0u && row < c.rows) put(t, row, lanes[id]);
        barrier();
    }
}
