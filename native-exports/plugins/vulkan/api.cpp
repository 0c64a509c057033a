#include "api.h"
#include <mutex>
#if defined(_WIN32)
#include <windows.h>
static PFN_vkGetInstanceProcAddr open_loader()
{
    HMODULE library = LoadLibraryA("vulkan-1.dll");
    return library ? (PFN_vkGetInstanceProcAddr)(void*)GetProcAddress(library, "vkGetInstanceProcAddr") : nullptr;
}
#else
#include <dlfcn.h>
static PFN_vkGetInstanceProcAddr open_loader()
{
    void* library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    return library ? (PFN_vkGetInstanceProcAddr)dlsym(library, "vkGetInstanceProcAddr") : nullptr;
}
#endif

// The instance stays until the process ends: drivers take it badly when their library goes under them.
static void open(Vulkan& v)
{
    PFN_vkGetInstanceProcAddr get = open_loader();
    auto create = get ? (PFN_vkCreateInstance)get(nullptr, "vkCreateInstance") : nullptr;
    if (!create) return;
    VkApplicationInfo application{};
    application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
    application.apiVersion = VK_API_VERSION_1_2;
    VkInstanceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
    info.pApplicationInfo = &application;
    VkInstance instance;
    if (create(&info, nullptr, &instance) != VK_SUCCESS) return;
    bool whole = true;
#define LOAD(f) v.f = (PFN_vk##f)get(instance, "vk" #f); whole = whole && v.f;
    VULKAN_FUNCTIONS(LOAD)
#undef LOAD
    uint32_t count = 0;
    if (!whole || v.EnumeratePhysicalDevices(instance, &count, nullptr) != VK_SUCCESS) return;
    v.devices.resize(count);
    VkResult result = v.EnumeratePhysicalDevices(instance, &count, v.devices.data());
    v.devices.resize(result == VK_SUCCESS || result == VK_INCOMPLETE ? count : 0);
}

Vulkan& vulkan()
{
    static Vulkan v;
    static std::once_flag once;
    std::call_once(once, [] { open(v); });
    return v;
}
