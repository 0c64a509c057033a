// The module that every model needs.
#include "attention.h"
#include "combine.h"
#include "experts.h"
#include "probe.h"
#include "rows.h"
