#include "kept.h"
#include <map>

std::shared_ptr<const Weights> kept_weights(const Device& device, uint64_t model, const Tensors& tensors, const std::function<std::shared_ptr<Weights>()>& upload)
{
    // Weights keep their device: as long as they are there, no other one has its address.
    static std::map<std::tuple<const Device*, uint64_t, Tensors>, std::weak_ptr<const Weights>> kept;
    static std::mutex mutex;
    if (model == 0) return upload();
    std::lock_guard<std::mutex> lock(mutex);
    for (auto it = kept.begin(); it != kept.end();) it = it->second.expired() ? kept.erase(it) : std::next(it);
    std::weak_ptr<const Weights>& known = kept[{&device, model, tensors}];
    std::shared_ptr<const Weights> weights = known.lock();
    if (!weights) known = weights = upload();
    return weights;
}
