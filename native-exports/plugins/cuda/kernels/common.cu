// The module that every model needs.
#include "attention.h"
#include "combine.h"
#include "probe.h"
#include "rows.h"
