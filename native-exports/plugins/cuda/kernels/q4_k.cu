// Q4_K: one row of activations, a few, or many.
#include "gemm_q4_k.h"

GEMV(q4_k, Q4K)
#ifdef HAS_MMA
KERNEL MAX_THREADS(128) gemm_q4_k(GemvArgs a) { gemm_q4k<8>(a); }
#endif
