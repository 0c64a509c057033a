// The device functions on the CPU.
#pragma once

#include <cmath>
#include <cstring>
#define HAS_MMA
#define KERNEL extern "C" void
#define DEVICE static inline
#define INLINE
#define MAX_THREADS(n)
#define SHARED(type, name, count) alignas(16) static thread_local type name[count]; emulate::shared(name, sizeof name)
#define DYNAMIC_SHARED(name) u8* name = emulate::dynamic_shared()
#define UNROLL
#define UNROLL_8

namespace emulate
{
struct Place { int thread, threads, block, blockY, blockZ, blocks; };
const Place& place();                              // of the running fiber
void shared(void* memory, unsigned long bytes);    // poisons it once a block
u8* dynamic_shared();
void sync_block();
u128* exchange(const u128& mine);                  // every lane's value, once all lanes of the warp have come
void copy_async(void* to, const void* from, int bytes);
void copy_commit();
void copy_wait(int newest);
}

DEVICE int thread_index() { return emulate::place().thread; }
DEVICE int thread_count() { return emulate::place().threads; }
DEVICE int block_index() { return emulate::place().block; }
DEVICE int block_index_y() { return emulate::place().blockY; }
DEVICE int block_index_z() { return emulate::place().blockZ; }
DEVICE int block_count() { return emulate::place().blocks; }
DEVICE void sync_block() { emulate::sync_block(); }
DEVICE void sync_warp() { emulate::exchange({}); }
DEVICE int shuffle_xor(int v, int mask) { return (int)emulate::exchange({(u32)v, 0, 0, 0})[(thread_index() & 31) ^ mask].x; }
DEVICE int shuffle(int v, int lane) { return (int)emulate::exchange({(u32)v, 0, 0, 0})[lane & 31].x; }

DEVICE float fma(float a, float b, float c) { return std::fmaf(a, b, c); }
DEVICE float divide(float a, float b) { return a / b; }
DEVICE float square_root(float a) { return std::sqrt(a); }
DEVICE float round_even(float a) { return std::nearbyintf(a); }
DEVICE float larger(float a, float b) { return std::fmax(a, b); }
DEVICE float smaller(float a, float b) { return std::fmin(a, b); }
DEVICE u32 bits(float a) { u32 r; memcpy(&r, &a, 4); return r; }
DEVICE float from_bits(u32 a) { float r; memcpy(&r, &a, 4); return r; }
DEVICE float from_half_finite(u16 a)
{
    u32 m = (u32)(a & 0x7fff) << 13, r;
    float f;
    memcpy(&f, &m, 4);
    f *= 0x1p112f;
    memcpy(&r, &f, 4);
    r |= (u32)(a & 0x8000) << 16;
    memcpy(&f, &r, 4);
    return f;
}
DEVICE u16 to_half_finite(float a) // in integers: not every compiler has a half type
{
    u32 b, sign, m;
    memcpy(&b, &a, 4);
    sign = b >> 16 & 0x8000;
    m = b & 0x7fffffff;
    if (m < 0x38800000) { float f; memcpy(&f, &m, 4); f += 0.5f; memcpy(&m, &f, 4); return (u16)(sign | (m - 0x3f000000)); }
    return (u16)(sign | ((m - 0x38000000 + 0xfff + (m >> 13 & 1)) >> 13));
}

DEVICE int dot4(u32 a, u32 b, int c) { for (int i = 0; i < 32; i += 8) c += (s8)(a >> i) * (s8)(b >> i); return c; }
DEVICE int dot2_low(u32 a, u32 b, int c) { return c + (s16)a * (u8)b + (s16)(a >> 16) * (u8)(b >> 8); }
DEVICE int dot2_high(u32 a, u32 b, int c) { return dot2_low(a, b >> 16, c); }

DEVICE u32 funnel(u32 low, u32 high, int shift) { return (u32)(((u64)high << 32 | low) >> shift); }
DEVICE u32 pick_bytes(u32 low, u32 high, u32 selector)
{
    u64 from = (u64)high << 32 | low;
    u32 r = 0;
    for (int i = 0; i < 4; i++) r |= (u32)(u8)(from >> ((selector >> (4 * i) & 7) * 8)) << (8 * i);
    return r;
}

DEVICE void copy_async16(void* shared, const void* global) { emulate::copy_async(shared, global, 16); }
DEVICE void copy_async4(void* shared, const void* global) { emulate::copy_async(shared, global, 4); }
DEVICE void copy_commit() { emulate::copy_commit(); }
template <int newest> DEVICE void copy_wait() { emulate::copy_wait(newest); }

DEVICE void load_matrix4(u32* r, const void* row)
{
    u64 p = (u64)row;
    u128* rows = emulate::exchange({(u32)p, (u32)(p >> 32), 0, 0});
    int lane = thread_index() & 31;
    for (int m = 0; m < 4; m++)
    {
        const u128& a = rows[8 * m + lane / 4];
        memcpy(&r[m], (const u8*)((u64)a.y << 32 | a.x) + lane % 4 * 4, 4);
    }
}

DEVICE void mma(int* c, const u32* a, const u32* b)
{
    u128* as = emulate::exchange({a[0], a[1], a[2], a[3]}), *bs = emulate::exchange({b[0], b[1], 0, 0});
    int lane = thread_index() & 31;
    for (int i = 0; i < 4; i++)
    {
        int row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        for (int t = 0; t < 4; t++) // lane t of a quad holds values 4t..4t+3 and 16+4t..16+4t+3 of k
        {
            const u128& av = as[row % 8 * 4 + t], &bv = bs[column * 4 + t];
            c[i] = dot4(row < 8 ? av.x : av.y, bv.x, c[i]);
            c[i] = dot4(row < 8 ? av.z : av.w, bv.y, c[i]);
        }
    }
}
