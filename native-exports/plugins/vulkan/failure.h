// How functions in here fail: by an exception, which the exported functions turn into a status.
#pragma once
#include "edge_llm_offload.h"
#include <cstdarg>
#include <cstdio>
#include <string>

struct Failure
{
    edge_llm_offload_status status;
    int32_t native;
    std::string text;
};

__attribute__((format(printf, 1, 2))) inline std::string text(const char* format, ...)
{
    char buffer[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

[[noreturn]] inline void refuse(std::string why) { throw Failure{EDGE_LLM_OFFLOAD_UNSUPPORTED, 0, std::move(why)}; }
inline void require(bool holds, const char* what) // a rule of the header, for the host
{
    if (!holds) throw Failure{EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, 0, what};
}
