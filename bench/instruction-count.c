// A plug-in of QEMU's user-mode emulation (its plug-in interface, version 1) that counts the arm64 instructions a program executes.
//
//   QEMU_PLUGIN=file=instruction-count.so,counters=FILE,blocks=FILE qemu-aarch64 PROGRAM
//
// counters: FILE is mapped shared and holds, for each of 64 virtual processors (threads), the instructions executed and those of them that use
// vector registers, as 64-bit numbers; the program reads them while it runs. Threads beyond 64 share the last place.
// blocks: at exit FILE is written with a line "ADDRESS INSTRUCTIONS VECTOR EXECUTIONS" for each block of code.
// A block whose execution an exception breaks off counts whole.

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// What is used of QEMU's interface, which few distributions package a header of.
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*tb_trans_callback)(plugin_id, struct qemu_plugin_tb *);
typedef void (*tb_exec_callback)(unsigned vcpu, void *data);
typedef void (*exit_callback)(plugin_id, void *data);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, tb_trans_callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, tb_exec_callback, int flags, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id, exit_callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { PROCESSORS = 64 };

struct counter { uint64_t instructions, vector; };

struct block {
    uint64_t address, instructions, vector, executions;
    struct block *next;
};

static struct counter no_file[PROCESSORS], *counters = no_file;
static struct block *blocks;
static const char *blocks_file;

// The top-level encoding of A64: bits 25 to 28 are x111 for vector and float operations; x1x0 for loads and stores, where bit 26 says that
// the register is a vector.
static int is_vector(const void *data) {
    uint32_t word;
    memcpy(&word, data, sizeof word);
    return (word >> 25 & 7) == 7 || ((word >> 25 & 5) == 4 && (word >> 26 & 1));
}

static void on_execution(unsigned vcpu, void *data) {
    struct block *block = data;
    struct counter *counter = counters + (vcpu < PROCESSORS ? vcpu : PROCESSORS - 1);
    counter->instructions += block->instructions;
    counter->vector += block->vector;
    __atomic_fetch_add(&block->executions, 1, __ATOMIC_RELAXED);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (!block) abort();
    block->address = qemu_plugin_tb_vaddr(tb);
    block->instructions = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < block->instructions; i++) block->vector += is_vector(qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)));
    do block->next = __atomic_load_n(&blocks, __ATOMIC_RELAXED);
    while (!__sync_bool_compare_and_swap(&blocks, block->next, block));
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_execution, 0, block);
}

static void on_exit_of_program(plugin_id id, void *data) {
    (void)id, (void)data;
    FILE *file = blocks_file ? fopen(blocks_file, "w") : NULL;
    if (!file) return;
    for (struct block *b = blocks; b; b = b->next)
        if (b->executions)
            fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", b->address, b->instructions, b->vector, b->executions);
    fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "blocks=", 7)) blocks_file = strdup(argv[i] + 7);
        else if (!strncmp(argv[i], "counters=", 9)) {
            int file = open(argv[i] + 9, O_RDWR | O_CREAT, 0600);
            if (file < 0 || ftruncate(file, sizeof no_file)) return perror(argv[i]), 1;
            counters = mmap(NULL, sizeof no_file, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            close(file);
            if (counters == MAP_FAILED) return perror(argv[i]), 1;
        } else return fprintf(stderr, "instruction-count: %s?\n", argv[i]), 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
    return 0;
}
