// A matrix in super-blocks of 256 times many rows of activations, on integer matrix units, for any such format.
#pragma once
#include "split.h"

#ifdef HAS_MMA
// y[token][row], with the same bits as gemv. A format F says Bytes of a super-block; Mins, how many minimums one has (0, 8 or 16: each is multiplied
// with a sum of 32 or 16 activations); unpack, which splits half a super-block, 32 words, and writes down its minimums; scales, its d and, in
// the upper half, its dmin. Words of a super-block stand shift (0 or 2) bytes behind a word. Minimums are a 17th and 18th product, of mins
// and sums, whose values are split alike. A block: 64 rows x 8 * NT tokens, 4 warps of 16 rows.
template <typename F, int NT> DEVICE void gemm256(const GemvArgs& a)
{
    const int Stride = 272; // bytes of a row of 256, padded: 17 * 16, so ldmatrix meets no bank twice
    const int Words = (F::Bytes + 3) / 4, Step = F::Bytes % 16 == 0 ? 16 : 4, Steps = 4 * Words / Step;
    SHARED(u32, raw, 64 * Words);
    SHARED(u8, mins, F::Mins ? 64 * 48 : 16);             // a row of 32, padded: the minimums, zeros
    SHARED(u8, sums, F::Mins ? 2 * 8 * NT * 48 : 16);     // low and high parts of the sums, zeros
    SHARED(float, dx, 8 * NT);
    DYNAMIC_SHARED(memory);
    u8* low = memory, *high = low + 64 * Stride, *xs = high + 64 * Stride; // [64][272], [64][272], [8 * NT][272]
    Part part = part_of(a, 8 * NT);
    if (part.first >= part.end) return;
    int rows = a.rows, tokens = part.end, blocks = a.units;
    int t = thread_index(), warp = t / 32, lane = t & 31, quad = lane / 4, pair = lane % 4 * 2;
    int row0 = block_index() * 64, token0 = part.first;
    float acc[NT][4];
    UNROLL for (int n = 0; n < NT; n++) UNROLL for (int i = 0; i < 4; i++) acc[n][i] = 0;
    if (F::Mins)
    {
        for (int i = t; i < 64 * 12; i += 128) ((u32*)mins)[i] = 0;
        for (int i = t; i < 2 * 8 * NT * 12; i += 128) ((u32*)sums)[i] = 0;
    }
    auto place = [&](int row, int sb) INLINE { return ((u64)(row0 + row < rows ? row0 + row : rows - 1) * blocks + sb) * F::Bytes; };

    for (int sb = 0; sb < blocks; sb++)
    {
        sync_block(); // the last super-block has been used
        for (int i = t; i < 64 * Steps; i += 128)
        {
            const u8* from = part.w + (place(i / Steps, sb) & ~3ull) + i % Steps * Step;
            if (Step == 16) copy_async16((u8*)raw + 16 * i, from);
            else copy_async4(raw + i, from);
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
            const s16* s = (const s16*)(a.x + ((u64)token * blocks + sb) * UnitBytes + (F::Mins == 8 ? Sums32At : Sums16At));
            UNROLL for (int j = 0; j < F::Mins; j++) { sums[i * 48 + j] = s[j] & 127; sums[(8 * NT + i) * 48 + j] = (u8)(s[j] >> 7); }
        }
        copy_wait<0>();
        sync_block();
        {   // a thread half a row
            int row = t / 2, part = t % 2, at = row * Stride + 128 * part;
            F::unpack(raw + row * Words, (int)place(row, sb) & 2, part, (u32*)(low + at), (u32*)(high + at), (u32*)(mins + row * 48 * (F::Mins != 0)));
        }
        sync_warp(); // a warp reads only what its own lanes have unpacked

        u32 al[8][4], ah[8][4], am[4]; // this warp's 16 rows, all of the super-block
        int matrix = lane / 8, aRow = 16 * warp + lane % 8 + matrix % 2 * 8, aByte = matrix / 2 * 16;
        UNROLL for (int k = 0; k < 8; k++)
        {
            load_matrix4(al[k], low + aRow * Stride + 32 * k + aByte);
            load_matrix4(ah[k], high + aRow * Stride + 32 * k + aByte);
        }
        if (F::Mins) load_matrix4(am, mins + aRow * 48 + aByte);
        float d[2], dmin[2];
        UNROLL for (int i = 0; i < 2; i++)
        {
            int row = 16 * warp + quad + 8 * i;
            u32 both = F::scales(raw + row * Words, (int)place(row, sb) & 2);
            d[i] = half_to_float(both & 0xffff);
            dmin[i] = half_to_float(both >> 16);
        }
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
            if (F::Mins)
            {
                u32 s[4];
                load_matrix4(s, sums + (matrix / 2 * 8 * NT + 8 * n + lane % 8) * 48 + matrix % 2 * 16);
                mma(ml, am, s);
                mma(mh, am, s + 2);
            }
            UNROLL for (int i = 0; i < 4; i++)
            {
                float p = (float)(il[i] + ih[i] * 128) * d[i / 2];
                if (F::Mins) p = fma(-(float)(ml[i] + mh[i] * 128), dmin[i / 2], p);
                acc[n][i] = fma(p, dx[8 * n + pair + i % 2], acc[n][i]);
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

#define GEMM256(name, format) KERNEL MAX_THREADS(128) gemm_##name(GemvArgs a) { gemm256<format, 8>(a); }
#else
#define GEMM256(name, format)
#endif
