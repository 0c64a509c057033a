// Errors inside are exceptions; none leaves the plug-in.
#pragma once
#include "../../../include/edge_llm_offload.h"
#include <cstdarg>
#include <cstdio>
#include <new>
#include <string>

typedef edge_llm_offload_status Status;
typedef edge_llm_offload_error Error;

struct Failure
{
    Status status;
    int native;
    std::string text;
};

__attribute__((format(printf, 1, 2))) inline std::string text(const char* format, ...)
{
    char buffer[504];
    va_list list;
    va_start(list, format);
    vsnprintf(buffer, sizeof buffer, format, list);
    va_end(list);
    return buffer;
}

template <typename... A> [[noreturn]] void fail(Status status, const char* format, A... a) { throw Failure{status, 0, text(format, a...)}; }
template <typename... A> void expect(bool right, const char* format, A... a) { if (!right) fail(EDGE_LLM_OFFLOAD_INVALID_ARGUMENT, format, a...); }

inline Status report(Error* error, const Failure& f)
{
    error->native_code = f.native;
    snprintf(error->text, sizeof error->text, "%s", f.text.c_str());
    return f.status;
}

// What a function of the table does, with exceptions as statuses.
template <typename F> Status guarded(Error* error, F body)
{
    try
    {
        body();
        return EDGE_LLM_OFFLOAD_OK;
    }
    catch (const Failure& f) { return report(error, f); }
    catch (const std::bad_alloc&) { return report(error, {EDGE_LLM_OFFLOAD_OUT_OF_MEMORY, 0, "the host has no memory left"}); }
    catch (...) { return report(error, {EDGE_LLM_OFFLOAD_UNSUPPORTED, 0, "an error of an unknown kind"}); }
}
