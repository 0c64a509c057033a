#include "modes.h"

// SPIR-V's numbers. The modes are part of it since version 1.4; the shaders are of 1.5.
static const uint32_t header_words = 5, op_entry_point = 15, op_execution_mode = 16, op_capability = 17;
static const struct { uint32_t mode, capability, execution_mode; } kinds[] = {{KeepSubnormals, 4464, 4459}, {KeepSpecial, 4466, 4461}, {RoundToEven, 4467, 4462}};

std::vector<uint32_t> with_modes(const uint32_t* code, size_t words, uint32_t modes)
{
    std::vector<uint32_t> out(code, code + header_words);
    for (const auto& k : kinds)
        if (modes & k.mode) out.insert(out.end(), {2u << 16 | op_capability, k.capability});
    uint32_t entry = 0;
    bool asked = false;
    for (size_t i = header_words, length; i < words; i += length)
    {
        length = code[i] >> 16;
        if (length == 0) break;
        uint32_t operation = code[i] & 0xffff;
        if (operation == op_entry_point) entry = code[i + 2];
        if (operation == op_execution_mode && !asked) // they stand together
        {
            for (const auto& k : kinds)
                if (modes & k.mode) out.insert(out.end(), {4u << 16 | op_execution_mode, entry, k.execution_mode, 32});
            asked = true;
        }
        out.insert(out.end(), code + i, code + i + length);
    }
    return out;
}
