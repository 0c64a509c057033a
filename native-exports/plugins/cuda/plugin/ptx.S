/* The compiled kernels, each as a text with a zero behind it. */
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
#define MODULE(sm, name) \
    .global ptx_##sm##_##name; .hidden ptx_##sm##_##name; ptx_##sm##_##name: .incbin TEXT(sm_##sm/name.ptx); .byte 0
#define BOTH(name) MODULE(70, name); MODULE(80, name)
    .section .rodata
    BOTH(common)
    BOTH(f16)
    BOTH(f32)
    BOTH(mxfp4)
    BOTH(q2_k)
    BOTH(q3_k)
    BOTH(q4_0)
    BOTH(q4_k)
    BOTH(q5_k)
    BOTH(q6_k)
    BOTH(q8_0)
    .section .note.GNU-stack,"",%progbits
