// Kernels as a whole, on the device, against the definitions: before a stage rests on them.
#pragma once
#include "modules.h"

// Once for each device and format: UNSUPPORTED unless all its products give the definition's bits.
void prove(Device& device, const Format& format, const FormatModule& module, const StreamOwner& stream, const CommonModule& common);
// Keys, values, scores and their combination.
bool attention_is_right(const StreamOwner& stream, const CommonModule& common);
// And whether the kernels of mixtures do.
bool experts_are_right(const StreamOwner& stream, const CommonModule& common);
