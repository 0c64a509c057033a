// What all tests use.
#pragma once
#include "model.h"
#include <cstdio>

extern int checks, failures;
extern edge_llm_offload_plugin plugin, reference; // this one, and the one in plain C
extern edge_llm_offload_error error;
extern bool cancel;
extern int host_calls;

#define CHECK(...) check((__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)
void check(bool holds, const char* file, int line, const char* what);

void test_products();
void test_models(bool with_every_mode); // of floats, also those that the device does not offer
void test_stages();
void test_faults();
