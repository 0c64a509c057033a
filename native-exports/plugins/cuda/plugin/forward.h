// One batch on its way through a stage.
#pragma once
#include "stage.h"

// Which forms of an input matrices read.
struct Needs
{
    bool floats = false, by256 = false, by32 = false;
    Needs& of(const Matrix& m)
    {
        if (!m.format) return *this;
        floats |= m.format->form == Form::Floats;
        by256 |= m.format->form == Form::By256;
        by32 |= m.format->form == Form::By32;
        return *this;
    }
};

// Entries of a batch in the order of their experts, as the blocks of a product share them out.
struct Tiles
{
    const Tile* list;
    int entries, count, size;
    const int* sorted, *places; // of each place, its expert; of each entry, its place, or null: the same
};

class Forward
{
public:
    Forward(edge_llm_offload_stage& stage, const edge_llm_offload_batch* batch);
    void run();

private:
    // forward.cpp: what the host gives and gets.
    void check_batch();
    void check_runs();
    void collect_tables();
    void send();
    bool run_graph();
    void receive();
    void ask() const; // throws if nobody needs the batch

    // layers.cpp: launches.
    void enqueue();
    void layer(const LayerParts& p, int index);
    void mixer(const LayerParts& p, int index);
    void attend(const LayerParts& p, int index);
    void keep_outputs(const LayerParts* p, float*& mixed);
    void network(const LayerParts& p, int index, const NormWeights& norm, float* to);
    void dense_inputs(const LayerParts& p);
    void dense_output(const LayerParts& p, int index, float* to);
    void add(const LayerParts& p, float* branch, const NormWeights& after);
    void finish();
    void exchange(const LayerParts& p, int part, const float* in, int inWidth, float* out, int outWidth);

    // experts.cpp: mixtures of experts.
    void experts(const LayerParts& p, int index, const NormWeights& norm, float* to);
    Tiles choose(const LayerParts& p);
    void gather_inputs(Needs needs, int entries);
    void entry_product(const Matrix& m, const Tiles& tiles, bool oneInput, float* y);
    Forms entry_forms(Needs needs, int width) const;
    int* entry_numbers(int which) const { return c_.work[EntryNumbers].as<int>((size_t)which * entryRoom_); }

    // products.cpp: launches of one kind.
    void normed(const NormWeights& n, const float* x, int width, Needs needs, u32* flag);
    void prepared(const float* x, const float* up, int function, int width, Needs needs, u32* flag);
    void activated(const float* x, const float* up, int function, int width, int stride, int rows, Forms to, u32* flag);
    void product(const Matrix& m, float* y, int stride);
    void products(const Matrix& all, std::initializer_list<const Matrix*> parts, float* y, int stride);
    void multiply(const Matrix& m, float* y, int stride);
    void finish(const Matrix& m, float* y, int stride);
    void head_norm(const NormWeights& n, float* x, int stride, int dim, int heads);
    Forms forms(Needs needs, int width) const;

    float* area(Area a) const { return c_.work[a].as<float>(); }
    u32* flag(int index, int which) const { return c_.work[Flags].as<u32>(2 * index + which); }
    template <typename A> void start(const Kernel& kernel, Grid grid, int threads, int shared, A arguments)
    {
        launch(kernel, c_.stream, grid, threads, shared, arguments);
        stage_.launches += !capturing_;
    }

    edge_llm_offload_stage& stage_;
    edge_llm_offload_stage::Contents& c_;
    edge_llm_offload_batch b_;
    std::vector<int> positions_;  // of each row
    std::vector<int> indices_;    // what the kernels read: positions, rows that are asked for, and for each group where its tables begin, and tables
    std::vector<int> tableAt_;    // of each group, where the rows' places in the tables stand in indices_
    std::vector<float*> cos_, sin_;
    int outputsAt_ = 0, width_ = 0; // where the rows that are asked for stand in indices_; values of a row that goes back
    int blocks_ = 0;              // of the attention launches of a graph; 0: as many as the rows look at
    float* x_ = nullptr;
    int rows_ = 0;                // those that are still needed
    bool capturing_ = false;
    size_t entryRoom_ = c_.work[EntryNumbers].bytes / (4 * sizeof(int) + sizeof(Tile)); // entries of a batch, at least
};
