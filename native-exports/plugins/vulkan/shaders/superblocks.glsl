// Super-blocks of 256 with Q8_K activations.
#include "blocks.glsl"
float chain(float sum, float share_, uint x) { return fused(share_, uintBitsToFloat(c.x.at[x + 76u]), sum); }
float scaled(int isum, float d) { return mul(float(isum), d); }
float scaled(int isum, float d, int msum, float dmin) { return fused(-float(msum), dmin, mul(float(isum), d)); }

// The 6-bit scales and minimums of Q4_K and Q5_K, in 12 bytes from word w on: byte j of the pairs is block j's.
void scales_and_mins(uint w, out uint scales[2], out uint mins[2])
{
    uint s0 = c.w.at[w], s1 = c.w.at[w + 1u], s2 = c.w.at[w + 2u];
    scales[0] = s0 & 0x3f3f3f3fu;
    mins[0] = s1 & 0x3f3f3f3fu;
    scales[1] = s2 & 0x0f0f0f0fu | s0 >> 2 & 0x30303030u;
    mins[1] = s2 >> 4 & 0x0f0f0f0fu | s1 >> 2 & 0x30303030u;
}
