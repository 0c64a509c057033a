// Q4_K times many rows of activations, on integer matrix units.
#pragma once
#include "q4_k.h"

#ifdef HAS_MMA
// y[token][row] with int8 matrix units, and the same bits. A product scale * q (at most 63 * 15 = 945) is split into two bytes,
// 128 * high + low, so that the matrix units add up a whole super-block of 256 and no scale is applied outside: 16 mma instead of 8,
// but one integer step a super-block instead of eight. Minimums are a 17th and 18th: mins[8] . sums32, whose values are split alike.
// A block: 64 rows x 8 * NT tokens, 4 warps of 16 rows.
template <int NT> DEVICE void gemm_q4k(const GemvArgs& a)
{
    const int Stride = 272; // bytes of a row of 256, padded: 17 * 16, so ldmatrix meets no bank twice
    SHARED(u8, raw, 64 * 144);
    SHARED(u8, mins, 64 * 48);            // a row of 32, padded: 8 minimums, zeros
    SHARED(u8, sums, 2 * 8 * NT * 48);    // low and high parts of sums32, zeros
    SHARED(float, dx, 8 * NT);
    DYNAMIC_SHARED(memory);
    u8* low = memory, *high = low + 64 * Stride, *xs = high + 64 * Stride; // [64][272], [64][272], [8 * NT][272]
    int rows = a.rows, tokens = a.tokens, blocks = a.units;
    int t = thread_index(), warp = t / 32, lane = t & 31, quad = lane / 4, pair = lane % 4 * 2;
    int row0 = block_index() * 64, token0 = block_index_y() * 8 * NT;
    float acc[NT][4];
    UNROLL for (int n = 0; n < NT; n++) UNROLL for (int i = 0; i < 4; i++) acc[n][i] = 0;
    for (int i = t; i < 64 * 12; i += 128) ((u32*)mins)[i] = 0;
    for (int i = t; i < 2 * 8 * NT * 12; i += 128) ((u32*)sums)[i] = 0;

    for (int sb = 0; sb < blocks; sb++)
    {
        sync_block(); // the last super-block has been used
        for (int i = t; i < 64 * 9; i += 128)
        {
            int row = row0 + i / 9 < rows ? row0 + i / 9 : rows - 1;
            copy_async16(raw + 16 * i, a.w + ((u64)row * blocks + sb) * 144 + i % 9 * 16);
        }
        for (int i = t; i < 8 * NT * 16; i += 128)
        {
            int token = token0 + i / 16 < tokens ? token0 + i / 16 : tokens - 1;
            copy_async16(xs + i / 16 * Stride + i % 16 * 16, a.x + ((u64)token * blocks + sb) * UnitBytes + i % 16 * 16);
        }
        copy_commit();
        for (int i = t; i < 8 * NT; i += 128)
        {
            int token = token0 + i < tokens ? token0 + i : tokens - 1;
            dx[i] = a.scales[(u64)token * blocks + sb];
            const s16* s = (const s16*)(a.x + ((u64)token * blocks + sb) * UnitBytes + Sums32At);
            UNROLL for (int j = 0; j < 8; j++) { sums[i * 48 + j] = s[j] & 127; sums[(8 * NT + i) * 48 + j] = (u8)(s[j] >> 7); }
        }
        copy_wait<0>();
        sync_block();
        {   // unpack: a thread half a row, 64 bytes of nibbles
            int row = t / 2, part = t % 2;
            const u32* b = (const u32*)(raw + row * 144);
            ScaleMins sm = scale_mins(b[1], b[2], b[3]);
            ((u32*)(mins + row * 48))[part] = part == 0 ? sm.mins[0] : sm.mins[1];
            u32 sc = part == 0 ? sm.scales[0] : sm.scales[1];
            UNROLL for (int g = 0; g < 2; g++)
            UNROLL for (int nibble = 0; nibble < 2; nibble++)
            {
                u32 scale = byte_of(sc, 2 * g + nibble);
                u32* lo = (u32*)(low + row * Stride + 128 * part + 64 * g + 32 * nibble), *hi = (u32*)(high + row * Stride + 128 * part + 64 * g + 32 * nibble);
                UNROLL for (int i = 0; i < 8; i++)
                {
                    u32 q = b[4 + 16 * part + 8 * g + i] >> (4 * nibble) & 0x0f0f0f0f;
                    u32 even = (q & 0x00ff00ff) * scale, odd = (q >> 8 & 0x00ff00ff) * scale; // two 16-bit products each
                    lo[i] = (even & 0x007f007f) | (odd & 0x007f007f) << 8;
                    hi[i] = (even >> 7 & 0x001f001f) | (odd >> 7 & 0x001f001f) << 8;
                }
            }
        }
        sync_warp(); // a warp reads only what its own lanes have unpacked

        u32 al[8][4], ah[8][4], am[4]; // this warp's 16 rows, all of the super-block
        int matrix = lane / 8, aRow = 16 * warp + lane % 8 + matrix % 2 * 8, aByte = matrix / 2 * 16;
        UNROLL for (int k = 0; k < 8; k++)
        {
            load_matrix4(al[k], low + aRow * Stride + 32 * k + aByte);
            load_matrix4(ah[k], high + aRow * Stride + 32 * k + aByte);
        }
        load_matrix4(am, mins + aRow * 48 + aByte);
        u32 h0 = *(const u32*)(raw + (16 * warp + quad) * 144), h1 = *(const u32*)(raw + (16 * warp + quad + 8) * 144);
        float d[2] = {half_to_float(h0 & 0xffff), half_to_float(h1 & 0xffff)}, dmin[2] = {half_to_float(h0 >> 16), half_to_float(h1 >> 16)};
        UNROLL for (int n = 0; n < NT; n++)
        {
            int il[4] = {0, 0, 0, 0}, ih[4] = {0, 0, 0, 0}, ml[4] = {0, 0, 0, 0}, mh[4] = {0, 0, 0, 0};
            UNROLL for (int k = 0; k < 8; k += 2)
            {
                u32 b[4];
                load_matrix4(b, xs + (8 * n + lane % 8) * Stride + 32 * k + 16 * matrix);
                mma(il, al[k], b);
                mma(ih, ah[k], b);
                mma(il, al[k + 1], b + 2);
                mma(ih, ah[k + 1], b + 2);
            }
            u32 s[4];
            load_matrix4(s, sums + (matrix / 2 * 8 * NT + 8 * n + lane % 8) * 48 + matrix % 2 * 16);
            mma(ml, am, s);
            mma(mh, am, s + 2);
            UNROLL for (int i = 0; i < 4; i++)
            {
                float isum = (float)(il[i] + ih[i] * 128), msum = (float)(ml[i] + mh[i] * 128);
                acc[n][i] = fma(fma(-msum, dmin[i / 2], isum * d[i / 2]), dx[8 * n + pair + i % 2], acc[n][i]);
            }
        }
    }
    UNROLL for (int n = 0; n < NT; n++)
        UNROLL for (int i = 0; i < 4; i++)
        {
            int row = row0 + 16 * warp + quad + i / 2 * 8, token = token0 + 8 * n + pair + i % 2;
            if (row < rows && token < tokens) a.y[(u64)token * a.stride + row] = acc[n][i];
        }
}
#endif
