#include "modules.h"
#include <numeric>

#define PTX(name) extern "C" const char ptx_70_##name[], ptx_80_##name[];
PTX(common) PTX(f16) PTX(f32) PTX(mxfp4) PTX(q2_k) PTX(q3_k) PTX(q4_0) PTX(q4_k) PTX(q5_k) PTX(q6_k) PTX(q8_0)
#undef PTX

#define FORMAT(type, name, length, bytes, form, step) \
    {type, #name, length, bytes, Form::form, step, ptx_70_##name, ptx_80_##name, "gemv_" #name "_1", "gemv_" #name "_4", "gemm_" #name}
static const Format formats[] = {
    FORMAT(0, f32, 1, 4, Floats, 1),
    FORMAT(1, f16, 1, 2, Floats, 1),
    FORMAT(2, q4_0, 32, 18, By32, 1),
    FORMAT(8, q8_0, 32, 34, By32, 1),
    FORMAT(10, q2_k, 256, 84, By256, 4),
    FORMAT(11, q3_k, 256, 110, By256, 8),
    FORMAT(12, q4_k, 256, 144, By256, 1),
    FORMAT(13, q5_k, 256, 176, By256, 1),
    FORMAT(14, q6_k, 256, 210, By256, 8),
    FORMAT(39, mxfp4, 32, 17, By32, 2),
};

const Format* format_of(unsigned type)
{
    for (const Format& f : formats) if ((unsigned)f.type == type) return &f;
    return nullptr;
}

ModuleOwner::ModuleOwner(const Device& device, const char* name, const char* ptx70, const char* ptx80)
{
    char log[300] = "";
    int options[] = {cuda::JitErrorLog, cuda::JitErrorLogBytes};
    void* values[] = {log, (void*)(size_t)(sizeof log - 1)};
    cuda::Result result = driver.cuModuleLoadDataEx(&module_, device.major >= 8 ? ptx80 : ptx70, 2, options, values);
    if (result != 0) module_ = nullptr;
    bool refused = result == 209 || result == 218 || result == 221 || result == 222; // no code for the device, wrong or later PTX, no compiler in the driver
    if (refused) throw Failure{EDGE_LLM_OFFLOAD_UNSUPPORTED, result, text("the driver does not take the module of %s%s%s", name, log[0] ? ": " : "", log)};
    check(result, text("the module of %s%s%s", name, log[0] ? ", " : "", log).c_str());
}

Kernel ModuleOwner::find(const char* name, int sharedBytes) const
{
    Kernel k;
    k.name = name;
    check(driver.cuModuleGetFunction(&k.function, module_, name), name);
    if (sharedBytes > 48 * 1024) check(driver.cuFuncSetAttribute(k.function, cuda::MaxDynamicShared, sharedBytes), name);
    return k;
}

FormatModule::FormatModule(const Device& device, const Format& f) : module(device, f.name, f.ptx70, f.ptx80)
{
    int shared = f.form == Form::Floats ? 0 : device.sharedBytes;
    one = module.find(f.one, shared);
    four = module.find(f.four, shared);
    if (f.form != Form::Floats && device.major >= 8) many = module.find(f.many, ManyShared);
}

CommonModule::CommonModule(const Device& device) : module(device, "common kernels", ptx_70_common, ptx_80_common)
{
    norm = module.find("norm", device.sharedBytes - 1024); // the rest for what it has of its own
    activate = module.find("activate", 0);
    rope = module.find("rope", 0);
    add = module.find("add", 0);
    scale_bias = module.find("scale_bias", 0);
    softcap = module.find("softcap", 0);
    gather = module.find("gather", 0);
    store = module.find("store", 0);
    attention_1 = module.find("attention_1", device.sharedBytes);
    attention_4 = module.find("attention_4", device.sharedBytes);
    attention_combine = module.find("attention_combine", 0);
    probe = module.find("probe", 0);
    route = module.find("route", 4 * (3 * MaxExperts + 2 * MaxUsed));
    group = module.find("group", 0);
    expert_bias = module.find("expert_bias", 0);
    mix = module.find("mix", 0);
}
