// A matrix in blocks of 32 times many rows of activations, on integer matrix units, for any such format.
#pragma once
#include "blocks32.h"

#ifdef HAS_MMA
template <typename F, int J, int END> DEVICE void unpack_blocks(const u32* words, u32* to, float* d)
{
    d[J] = F::template unpack<J * F::Bytes>(words, to + 8 * J);
    if constexpr (J + 1 < END) unpack_blocks<F, J + 1, END>(words, to, d);
}

// y[token][row], with the same bits as gemv: one mma a block, whose sums become floats; a tree adds up the eight of a unit. A format F says Bytes of
// a block; unpack<AT>, which writes the 32 numbers of the block at byte AT as signed bytes and returns its scale. A block of threads: 64 rows x
// 8 * NT tokens, 4 warps of 16 rows.
template <typename F, int NT> DEVICE void gemm32(const GemvArgs& a)
{
    const int Stride = 272; // bytes of a row of 256, padded: 17 * 16, so ldmatrix meets no bank twice
    const int Bytes = 8 * F::Bytes, Step = Bytes % 16 == 0 ? 16 : 4, Steps = Bytes / Step;
    SHARED(u32, raw, 16 * Bytes + 16); // a block's last word is read together with the next
    SHARED(float, dw, 64 * 8);
    SHARED(float, dx, 8 * NT * 8);
    DYNAMIC_SHARED(memory);
    u8* values = memory, *xs = values + 64 * Stride; // [64][272], [8 * NT][272]
    Part part = part_of(a, 8 * NT);
    if (part.first >= part.end) return;
    int rows = a.rows, tokens = part.end, units = a.units;
    int t = thread_index(), warp = t / 32, lane = t & 31, quad = lane / 4, pair = lane % 4 * 2;
    int row0 = block_index() * 64, token0 = part.first;
    float acc[NT][4];
    UNROLL for (int n = 0; n < NT; n++) UNROLL for (int i = 0; i < 4; i++) acc[n][i] = 0;

    for (int unit = 0; unit < units; unit++)
    {
        sync_block(); // the last unit has been used
        for (int i = t; i < 64 * Steps; i += 128)
        {
            int row = row0 + i / Steps < rows ? row0 + i / Steps : rows - 1;
            const u8* from = part.w + ((u64)row * units + unit) * Bytes + i % Steps * Step;
            if (Step == 16) copy_async16((u8*)raw + 16 * i, from);
            else copy_async4(raw + i, from);
        }
        for (int i = t; i < 8 * NT * 18; i += 128) // 256 values, then 8 scales
        {
            int row = i / 18, at = i % 18, token = token0 + row < tokens ? token0 + row : tokens - 1;
            copy_async16(at < 16 ? xs + row * Stride + at * 16 : (u8*)(dx + 8 * row) + (at - 16) * 16, a.x + ((u64)token * units + unit) * UnitBytes + at * 16);
        }
        copy_commit();
        copy_wait<0>();
        sync_block();
        {   // a thread half a row
            int row = t / 2, part = t % 2;
            const u32* words = raw + row * (Bytes / 4);
            u32* to = (u32*)(values + row * Stride);
            float* d = dw + 8 * row;
            if (part == 0) unpack_blocks<F, 0, 4>(words, to, d);
            else unpack_blocks<F, 4, 8>(words, to, d);
        }
        sync_warp(); // a warp reads only what its own lanes have unpacked

        u32 w[8][4]; // this warp's 16 rows, all of the unit
        int matrix = lane / 8, wRow = 16 * warp + lane % 8 + matrix % 2 * 8, wByte = matrix / 2 * 16;
        UNROLL for (int k = 0; k < 8; k++) load_matrix4(w[k], values + wRow * Stride + 32 * k + wByte);
        const float* d = dw + 8 * (16 * warp + quad);
        UNROLL for (int n = 0; n < NT; n++)
        {
            float p[8][4];
            UNROLL for (int k = 0; k < 8; k += 2)
            {
                u32 b[4];
                load_matrix4(b, xs + (8 * n + lane % 8) * Stride + 32 * k + 16 * matrix);
                UNROLL for (int j = 0; j < 2; j++)
                {
                    int isum[4] = {0, 0, 0, 0};
                    mma(isum, w[k + j], b + 2 * j);
                    UNROLL for (int i = 0; i < 4; i++) p[k + j][i] = (float)isum[i] * d[64 * (i / 2) + k + j] * dx[8 * (8 * n + pair + i % 2) + k + j];
                }
            }
            UNROLL for (int i = 0; i < 4; i++)
                acc[n][i] = acc[n][i] + (((p[0][i] + p[1][i]) + (p[2][i] + p[3][i])) + ((p[4][i] + p[5][i]) + (p[6][i] + p[7][i])));
        }
    }
    UNROLL for (int n = 0; n < NT; n++)
        UNROLL for (int i = 0; i < 4; i++)
        {
            int row = row0 + 16 * warp + quad + i / 2 * 8, token = token0 + 8 * n + pair + i % 2;
            if (row < rows && token < tokens) a.y[(u64)token * a.stride + row] = acc[n][i];
        }
}

#define GEMM32(name, format) KERNEL MAX_THREADS(128) gemm_##name(GemvArgs a) { gemm32<format, 8>(a); }
#else
#define GEMM32(name, format)
#endif
