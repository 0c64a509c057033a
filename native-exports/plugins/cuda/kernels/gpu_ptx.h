// The device functions as PTX instructions.
#pragma once

#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE static inline __attribute__((device, always_inline))
#define CONVERGENT __attribute__((convergent))
#define INLINE __attribute__((always_inline)) // for lambdas
#define MAX_THREADS(n) __attribute__((launch_bounds(n)))
#define SHARED(type, name, count) __attribute__((shared)) __attribute__((aligned(16))) static type name[count]
#define DYNAMIC_SHARED(name) extern __attribute__((shared)) __attribute__((aligned(16))) u8 name[]
#define UNROLL _Pragma("unroll")
#define UNROLL_8 _Pragma("unroll 8")

DEVICE int thread_index() { return __nvvm_read_ptx_sreg_tid_x(); }
DEVICE int thread_count() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEVICE int block_index() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEVICE int block_index_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEVICE int block_index_z() { return __nvvm_read_ptx_sreg_ctaid_z(); }
DEVICE int block_count() { return __nvvm_read_ptx_sreg_nctaid_x(); }

DEVICE CONVERGENT void sync_block() { __syncthreads(); }
DEVICE CONVERGENT void sync_warp() { __nvvm_bar_warp_sync(0xffffffffu); }
DEVICE CONVERGENT int shuffle_xor(int v, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, v, mask, 31); }
DEVICE CONVERGENT int shuffle(int v, int lane) { return __nvvm_shfl_sync_idx_i32(0xffffffffu, v, lane, 31); }

DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }      // fma.rn.f32
DEVICE float divide(float a, float b) { float r; asm("div.rn.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }
DEVICE float square_root(float a) { float r; asm("sqrt.rn.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }
DEVICE float round_even(float a) { float r; asm("cvt.rni.f32.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }
DEVICE float larger(float a, float b) { float r; asm("max.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }
DEVICE float smaller(float a, float b) { float r; asm("min.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }
DEVICE u32 bits(float a) { return __builtin_bit_cast(u32, a); }
DEVICE float from_bits(u32 a) { return __builtin_bit_cast(float, a); }
DEVICE float from_half_finite(u16 a) { float r; asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(a)); return r; } // exact, subnormals too
DEVICE u16 to_half_finite(float a) { u16 r; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(a)); return r; } // |a| < 65520

// Four products of signed bytes, summed.
DEVICE int dot4(u32 a, u32 b, int c) { int r; asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c)); return r; }
// Two products of signed 16-bit values (a) and the low or high two unsigned bytes of b.
DEVICE int dot2_low(u32 a, u32 b, int c) { int r; asm("dp2a.lo.s32.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c)); return r; }
DEVICE int dot2_high(u32 a, u32 b, int c) { int r; asm("dp2a.hi.s32.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c)); return r; }

// 32 of the 64 bits of high and low, from bit shift (0 to 31) on.
DEVICE u32 funnel(u32 low, u32 high, int shift) { u32 r; asm("shf.r.wrap.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(low), "r"(high), "r"(shift)); return r; }
// Four of the eight bytes of high and low, by the low three bits of each nibble of the selector; no nibble has its high bit.
DEVICE u32 pick_bytes(u32 low, u32 high, u32 selector) { u32 r; asm("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(low), "r"(high), "r"(selector)); return r; }

DEVICE u32 shared_address(const void* p) { return (u32)(u64)(const __attribute__((address_space(3))) void*)p; }

#if __CUDA_ARCH__ >= 800
#define HAS_MMA
// Global to shared memory without a detour through registers; 16-byte aligned.
DEVICE void copy_async16(void* shared, const void* global)
{ asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(shared_address(shared)), "l"(global) : "memory"); }
DEVICE void copy_async4(void* shared, const void* global) // 4-byte aligned
{ asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"(shared_address(shared)), "l"(global) : "memory"); }
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int newest> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" :: "n"(newest) : "memory"); } // all but the newest

// Four 8x8 matrices of 16-bit values (or 8x16 of bytes) from shared memory; lane l gives the address of row l % 8 of matrix l / 8.
DEVICE CONVERGENT void load_matrix4(u32* r, const void* row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// c[16x8] += a[16x32] * b[32x8], signed bytes, exact in int32.
DEVICE CONVERGENT void mma(int* c, const u32* a, const u32* b)
{
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else // sm_70, sm_75: plain copies, no int8 mma of this shape
DEVICE void copy_async16(void* shared, const void* global) { *(u128*)shared = *(const u128*)global; }
DEVICE void copy_commit() {}
template <int newest> DEVICE void copy_wait() {}
#endif
