/* Whether this processor has what the managed runtime of this build demands: it ends the process of one that has not. */
#ifndef EDGE_PROCESSOR_H
#define EDGE_PROCESSOR_H

#if defined(__x86_64__) || defined(_M_X64)

#ifdef _MSC_VER
#include <intrin.h>
static void processor_ask(unsigned leaf, unsigned *ebx, unsigned *ecx)
{
    int r[4], most[4];
    __cpuid(most, (int)(leaf & 0x80000000u));
    *ebx = *ecx = 0;
    if ((unsigned)most[0] < leaf) return;
    __cpuidex(r, (int)leaf, 0);
    *ebx = (unsigned)r[1];
    *ecx = (unsigned)r[2];
}
static unsigned processor_states(void) { return (unsigned)_xgetbv(0); }
#else
#include <cpuid.h>
static void processor_ask(unsigned leaf, unsigned *ebx, unsigned *ecx)
{
    unsigned eax, edx;
    if (!__get_cpuid_count(leaf, 0, &eax, ebx, ecx, &edx)) *ebx = *ecx = 0;
}
static unsigned processor_states(void)
{
    unsigned eax, edx;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}
#endif

static int processor_has(void)
{
    enum {
        SSE3 = 1 << 0, SSSE3 = 1 << 9, FMA = 1 << 12, CX16 = 1 << 13, SSE4_1 = 1 << 19, SSE4_2 = 1 << 20, MOVBE = 1 << 22, POPCNT = 1 << 23,
        OSXSAVE = 1 << 27, AVX = 1 << 28, /* leaf 1, ecx */
        BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8, /* leaf 7, ebx */
        LZCNT = 1 << 5, /* leaf 0x80000001, ecx */
        YMM_STATE = 0x06, ZMM_STATE = 0xe6 /* what the system saves */
    };
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* F, DQ, CD, BW, VL: leaf 7, ebx */
    unsigned demand1 = SSE3 | SSSE3 | CX16 | SSE4_1 | SSE4_2 | POPCNT, demand7 = 0, demand_extended = 0, states = 0;
    unsigned ignored, ecx1, ebx7, extended;
    if (EDGE_LLM_LEVEL >= 3) {
        demand1 |= FMA | MOVBE | OSXSAVE | AVX;
        demand7 |= BMI1 | AVX2 | BMI2;
        demand_extended |= LZCNT;
        states |= YMM_STATE;
    }
    if (EDGE_LLM_LEVEL >= 4) {
        demand7 |= avx512;
        states |= ZMM_STATE;
    }
    processor_ask(1, &ignored, &ecx1);
    processor_ask(7, &ebx7, &ignored);
    processor_ask(0x80000001u, &ignored, &extended);
    return (ecx1 & demand1) == demand1 && (ebx7 & demand7) == demand7 && (extended & demand_extended) == demand_extended
        && (states == 0 || (processor_states() & states) == states);
}

#else

static int processor_has(void) { return 1; } /* NEON is always there */

#endif
#endif
