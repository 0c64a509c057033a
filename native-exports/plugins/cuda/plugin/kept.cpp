#include "kept.h"
#include <map>
#include <mutex>
#include <tuple>

// Device, model, place, type and length of a row, number of rows.
typedef std::tuple<int, uint64_t, const void*, uint32_t, int64_t, int64_t> Key;
static std::mutex mutex;
struct Known { std::weak_ptr<DeviceMemory> memory; size_t offset; };
static std::map<Key, Known> kept;

static Key key_of(const Device& device, uint64_t model, const edge_llm_offload_tensor& t)
{
    return {device.ordinal, model, t.data, t.type, t.ne[0], t.ne[1] * t.ne[2] * t.ne[3]};
}

std::vector<Kept> kept_weights(const Device& device, uint64_t model, const std::vector<const edge_llm_offload_tensor*>& tensors,
    const std::function<std::vector<Kept>()>& upload)
{
    if (model == 0) return upload();
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = kept.begin(); it != kept.end();) it = it->second.memory.expired() ? kept.erase(it) : std::next(it);
    std::vector<Kept> found;
    for (const auto* t : tensors)
    {
        auto known = kept.find(key_of(device, model, *t));
        std::shared_ptr<DeviceMemory> memory = known == kept.end() ? nullptr : known->second.memory.lock();
        if (memory) found.push_back({memory, known->second.offset});
    }
    if (found.size() == tensors.size()) return found;
    found = upload();
    for (size_t i = 0; i < tensors.size(); i++) kept.try_emplace(key_of(device, model, *tensors[i]), Known{found[i].memory, found[i].offset}); // what is known stays
    return found;
}

bool is_kept(const Device& device, uint64_t model, const edge_llm_offload_tensor& t)
{
    std::lock_guard<std::mutex> lock(mutex);
    auto known = kept.find(key_of(device, model, t));
    return model != 0 && known != kept.end() && !known->second.memory.expired();
}

void forget_weights(const Device& device)
{
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = kept.begin(); it != kept.end();) it = std::get<0>(it->first) == device.ordinal ? kept.erase(it) : std::next(it);
}
