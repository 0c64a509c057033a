#include "kept.h"
#include <map>
#include <mutex>
#include <tuple>

// Device, model, place, type and length of a row, number of rows.
typedef std::tuple<int, uint64_t, const void*, uint32_t, int64_t, int64_t> Key;
static std::mutex mutex;
static std::map<Key, std::weak_ptr<DeviceMemory>> kept;

static Key key_of(const Device& device, uint64_t model, const edge_llm_offload_tensor& t)
{
    return {device.ordinal, model, t.data, t.type, t.ne[0], t.ne[1] * t.ne[2] * t.ne[3]};
}

std::shared_ptr<DeviceMemory> kept_weight(const Device& device, uint64_t model, const edge_llm_offload_tensor& t,
    const std::function<std::shared_ptr<DeviceMemory>()>& upload)
{
    if (model == 0) return upload();
    Key key = key_of(device, model, t);
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = kept.begin(); it != kept.end();) it = it->second.expired() ? kept.erase(it) : std::next(it);
    auto known = kept.find(key);
    if (known != kept.end())
        if (std::shared_ptr<DeviceMemory> memory = known->second.lock()) return memory;
    std::shared_ptr<DeviceMemory> memory = upload();
    kept[key] = memory;
    return memory;
}

bool is_kept(const Device& device, uint64_t model, const edge_llm_offload_tensor& t)
{
    std::lock_guard<std::mutex> lock(mutex);
    auto known = kept.find(key_of(device, model, t));
    return model != 0 && known != kept.end() && !known->second.expired();
}

void forget_weights(const Device& device)
{
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = kept.begin(); it != kept.end();) it = std::get<0>(it->first) == device.ordinal ? kept.erase(it) : std::next(it);
}
