// Every kernel on the CPU against its definition, bit for bit, with the fibers' turns in three orders.
#include "expert_tests.h"

int main()
{
    for (auto order : {emulate::Ascending, emulate::Descending, emulate::Shuffled})
    {
        emulate::order = order;
        emulate::seed = 3 + order;
        matrix_tests();
        row_tests();
        expert_tests();
    }
    for (int h = 0; h < 65536; h++) // halves: all of them
        if (reference::bits(half_to_float(h)) != reference::bits(reference::half((u16)h))) { check(false, "half " + std::to_string(h)); break; }
    check(true, "halves");
    printf("%d checks of kernels, %d wrong\n", checks, failures);
    return failures != 0;
}
