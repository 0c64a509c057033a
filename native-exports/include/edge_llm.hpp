// Edge.Llm for C++17: edge_llm.h with owners for handles, ranges for generation, and exceptions. Header only; link the C library.
//
//     edge_llm::Model model("model.gguf");
//     edge_llm::Context context(model);
//     for (const edge_llm::Piece &piece : context.generate(model.prompt("Once upon a time"))) std::cout << piece.text << std::flush;
//
// Errors are thrown as edge_llm::Error. Who does not want exceptions uses the functions that begin with try_, which return
// edge_llm::Expected. What a function does, its threads and its errors are described with the C function that it calls, in edge_llm.h.
#ifndef EDGE_LLM_HPP
#define EDGE_LLM_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge_llm.h"

namespace edge_llm {

using Token = std::int32_t;

/// What failed: a status and the library's words for it.
class Error : public std::exception {
public:
    Error(edge_llm_status status, std::string message, std::string detail = {})
        : status_(status), message_(std::move(message)), detail_(std::move(detail)) {}

    /// The last failure of this thread.
    static Error last(edge_llm_status status)
    {
        edge_llm_error error{};
        error.struct_size = sizeof error;
        edge_llm_last_error(&error);
        return Error(status, error.message ? error.message : "", error.detail ? error.detail : "");
    }

    edge_llm_status status() const noexcept { return status_; }
    const std::string &detail() const noexcept { return detail_; }
    const char *what() const noexcept override { return message_.c_str(); }

private:
    edge_llm_status status_;
    std::string message_, detail_;
};

/// A value or an error: std::expected for those who do not have C++23.
template <class T>
class Expected {
public:
    Expected(T value) : value_(std::move(value)) {}
    Expected(Error error) : error_(std::move(error)) {}
    explicit operator bool() const noexcept { return value_.has_value(); }
    bool has_value() const noexcept { return value_.has_value(); }
    const Error &error() const { return *error_; }
    T &operator*() & { return *value_; }
    T &&operator*() && { return std::move(*value_); }
    T *operator->() { return &*value_; }

    /// The value; the error is thrown.
    T value() &&
    {
        if (error_) throw *error_;
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
    std::optional<Error> error_;
};

/// Throws unless the status is success.
inline void check(edge_llm_status status)
{
    if (status != EDGE_LLM_OK) throw Error::last(status);
}

namespace detail {

template <class F>
auto attempt(F &&function) -> Expected<decltype(function())>
{
    try {
        return function();
    } catch (const Error &error) {
        return error;
    }
}

/// Calls a function that fills a buffer, with a first guess of its size and, if that is too small, the right one.
template <class Element, class F>
void fill(std::vector<Element> &buffer, std::size_t guess, F &&call)
{
    std::size_t count = 0;
    buffer.resize(guess);
    edge_llm_status status = call(buffer.data(), buffer.size(), &count);
    if (status == EDGE_LLM_BUFFER_TOO_SMALL) {
        buffer.resize(count);
        status = call(buffer.data(), buffer.size(), &count);
    }
    check(status);
    buffer.resize(count);
}

template <class Options>
void defaults(Options &options, edge_llm_status (*set)(Options *, std::size_t)) noexcept
{
    if (set(&options, sizeof options) != EDGE_LLM_OK) options = Options{};
}

template <class F>
std::string text(std::size_t guess, F &&call)
{
    std::vector<char> buffer;
    fill(buffer, guess, call);
    return std::string(buffer.begin(), buffer.end());
}

} // namespace detail

inline edge_llm_version_info version()
{
    edge_llm_version_info info{};
    info.struct_size = sizeof info;
    check(edge_llm_version(&info));
    return info;
}

inline edge_llm_feature_info features()
{
    edge_llm_feature_info info{};
    info.struct_size = sizeof info;
    check(edge_llm_features(&info));
    return info;
}

/// The C options, all at their defaults: set the fields that should differ. Where the library cannot be used at all they are zero, and the
/// call that takes them says why.
struct ModelOptions : edge_llm_model_options {
    ModelOptions() noexcept { detail::defaults<edge_llm_model_options>(*this, edge_llm_model_options_default); }
};
struct ContextOptions : edge_llm_context_options {
    ContextOptions() noexcept { detail::defaults<edge_llm_context_options>(*this, edge_llm_context_options_default); }
};
struct SamplingOptions : edge_llm_sampling_options {
    SamplingOptions() noexcept { detail::defaults<edge_llm_sampling_options>(*this, edge_llm_sampling_options_default); }
};
struct AnswerOptions : edge_llm_answer_options {
    AnswerOptions() noexcept { detail::defaults<edge_llm_answer_options>(*this, edge_llm_answer_options_default); }
};
struct ChatOptions : edge_llm_chat_options {
    ChatOptions() noexcept { detail::defaults<edge_llm_chat_options>(*this, edge_llm_chat_options_default); }
};

/// A turn of a conversation.
struct Message {
    std::string role, content;
    std::string json{}; ///< the whole message as a JSON object instead, as in a chat request: calls of tools, and what they returned
};

/// What to generate.
struct GenerateOptions {
    int max_tokens = -1;
    SamplingOptions sampling{};
    std::vector<std::string> stop{};
    bool ignore_eos = false, render_special = false;
    int sequence = 0;
    std::optional<std::chrono::milliseconds> deadline{}; ///< from now; none: the context's
    edge_llm_grammar_kind grammar_kind = EDGE_LLM_GRAMMAR_NONE;
    std::string grammar{}; ///< what the text must look like
    uint32_t grammar_flags = 0; ///< how JSON is written: edge_llm_grammar_flags together
    std::optional<std::string> salt{}; ///< only texts of equal salt share what the cache holds of a common beginning; none: that of the sequence
    int priority = 0; ///< requests of a higher one come first
    unsigned choice = 0; ///< number of the answer among several to one prompt
    int draft_tokens = 0; ///< that may be drafted for one pass; 0: as many as the context does, -1: none
    int logprobs = 0; ///< tells how likely each token was, and as many of the likeliest tokens
    bool context_shift = false; ///< a text that fills the context loses a part and goes on
    int keep = 0; ///< tokens of the beginning to keep then; -1: the prompt
    std::vector<edge_llm_adapter_scale> adapters{}; ///< for the text; empty: those of the sequence
    std::function<void()> ready{}; ///< of requests only: told, on the thread that computes, that there is something to read; must not throw
};

/// An open model. Any number of threads may use one; contexts made from it outlive it.
class Model {
public:
    explicit Model(std::string_view path, const ModelOptions &options = {}) { check(edge_llm_model_open(path.data(), path.size(), &options, &handle_)); }

    /// The bytes of a GGUF file; see edge_llm_model_open_memory.
    Model(const void *data, std::size_t size, const ModelOptions &options = {}) { check(edge_llm_model_open_memory(data, size, &options, &handle_)); }

    Model(Model &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Model &operator=(Model &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Model()
    {
        if (handle_) edge_llm_model_close(handle_);
    }

    static Expected<Model> try_open(std::string_view path, const ModelOptions &options = {})
    {
        return detail::attempt([&] { return Model(path, options); });
    }

    edge_llm_model *handle() const noexcept { return handle_; }

    edge_llm_model_info info() const
    {
        edge_llm_model_info info{};
        info.struct_size = sizeof info;
        check(edge_llm_model_get_info(handle_, &info));
        return info;
    }

    edge_llm_memory_plan plan(const ContextOptions &options = {}) const
    {
        edge_llm_memory_plan plan{};
        plan.struct_size = sizeof plan;
        check(edge_llm_model_plan(handle_, &options, &plan));
        return plan;
    }

    std::string metadata(std::string_view key) const
    {
        return detail::text(256, [&](char *b, std::size_t n, std::size_t *c) { return edge_llm_model_metadata(handle_, key.data(), key.size(), b, n, c); });
    }

    std::vector<Token> tokenize(std::string_view text, bool add_special = true, bool parse_special = true) const
    {
        return encode(text, (add_special ? EDGE_LLM_TOKENIZE_ADD_SPECIAL : 0) | (parse_special ? EDGE_LLM_TOKENIZE_PARSE_SPECIAL : 0));
    }

    // The tokens of a text that is to be continued: without EOS, whatever the model asks for.
    std::vector<Token> prompt(std::string_view text) const
    {
        return encode(text, EDGE_LLM_TOKENIZE_ADD_SPECIAL | EDGE_LLM_TOKENIZE_PARSE_SPECIAL | EDGE_LLM_TOKENIZE_PROMPT);
    }

    std::string detokenize(const std::vector<Token> &tokens, bool special = false) const
    {
        std::uint32_t flags = special ? EDGE_LLM_DETOKENIZE_SPECIAL : 0;
        return detail::text(8 * tokens.size() + 16,
            [&](char *b, std::size_t n, std::size_t *c) { return edge_llm_detokenize(handle_, tokens.data(), tokens.size(), flags, b, n, c); });
    }

    std::vector<Token> chat_tokenize(const std::vector<Message> &messages, const ChatOptions &options = {}) const
    {
        std::vector<edge_llm_chat_message> turns = views(messages);
        std::vector<Token> tokens;
        detail::fill(tokens, 1024,
            [&](Token *b, std::size_t n, std::size_t *c) { return edge_llm_chat_tokenize(handle_, turns.data(), turns.size(), &options, b, n, c); });
        return tokens;
    }

    std::string chat_render(const std::vector<Message> &messages, const ChatOptions &options = {}) const
    {
        std::vector<edge_llm_chat_message> turns = views(messages);
        return detail::text(4096,
            [&](char *b, std::size_t n, std::size_t *c) { return edge_llm_chat_render(handle_, turns.data(), turns.size(), &options, b, n, c); });
    }

    /// Messages as the functions of C take them.
    static std::vector<edge_llm_chat_message> views(const std::vector<Message> &messages)
    {
        std::vector<edge_llm_chat_message> turns;
        for (const Message &m : messages)
            turns.push_back({m.role.data(), m.role.size(), m.content.data(), m.content.size(), m.json.empty() ? nullptr : m.json.data(), m.json.size()});
        return turns;
    }

private:
    std::vector<Token> encode(std::string_view text, std::uint32_t flags) const
    {
        std::vector<Token> tokens;
        detail::fill(tokens, text.size() + 2,
            [&](Token *b, std::size_t n, std::size_t *c) { return edge_llm_tokenize(handle_, text.data(), text.size(), flags, b, n, c); });
        return tokens;
    }

    edge_llm_model *handle_ = nullptr;
};

/// A LoRA adapter, loaded for a model. Sequences that have it cannot go on after its end.
class Adapter {
public:
    Adapter(const Model &model, std::string_view path) { check(edge_llm_adapter_load(model.handle(), path.data(), path.size(), &handle_)); }
    Adapter(Adapter &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Adapter &operator=(Adapter &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Adapter()
    {
        if (handle_) edge_llm_adapter_close(handle_);
    }

    static Expected<Adapter> try_load(const Model &model, std::string_view path)
    {
        return detail::attempt([&] { return Adapter(model, path); });
    }

    edge_llm_adapter *handle() const noexcept { return handle_; }

    edge_llm_adapter_info info() const
    {
        edge_llm_adapter_info info{};
        info.struct_size = sizeof info;
        check(edge_llm_adapter_get_info(handle_, &info));
        return info;
    }

    std::string metadata(std::string_view key) const
    {
        return detail::text(256, [&](char *b, std::size_t n, std::size_t *c) { return edge_llm_adapter_metadata(handle_, key.data(), key.size(), b, n, c); });
    }

private:
    edge_llm_adapter *handle_ = nullptr;
};

/// An adapter that is applied, and the factor on what it adds.
struct AdapterScale : edge_llm_adapter_scale {
    AdapterScale(const Adapter &applied, float factor = 1) noexcept : edge_llm_adapter_scale{applied.handle(), factor, 0} {}
};

static_assert(sizeof(AdapterScale) == sizeof(edge_llm_adapter_scale), "an array of one is an array of the other");

/// A step of a generation. The text is valid until the next step, as are the likeliest tokens.
struct Piece {
    Token token = -1;
    std::string_view text{};
    edge_llm_finish finish = EDGE_LLM_FINISH_NONE;
    float logprob = 0, sampled_logprob = 0; ///< how likely the token was, if the options ask for it: see edge_llm_piece
    const edge_llm_token_logprob *top = nullptr;
    std::size_t top_count = 0;
    const edge_llm_token_logprob *sampled_top = nullptr;
    std::size_t sampled_top_count = 0;
};

/// A part of the answer to a chat.
struct Part {
    edge_llm_part_kind kind = EDGE_LLM_PART_NONE;
    int index = -1;         ///< of the call in the answer
    std::string text{};
    std::string id{}, name{}; ///< of a call that begins, and of its tool
};

namespace detail {

/// Goes over what has next() and piece_.
template <class Owner>
class PieceIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Piece;
    using difference_type = std::ptrdiff_t;
    using pointer = const Piece *;
    using reference = const Piece &;

    PieceIterator() = default;
    explicit PieceIterator(Owner *owner) : owner_(owner) { ++*this; }
    reference operator*() const { return owner_->piece_; }
    pointer operator->() const { return &owner_->piece_; }
    PieceIterator &operator++()
    {
        if (!owner_->advance()) owner_ = nullptr;
        return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const PieceIterator &other) const { return owner_ == other.owner_; }
    bool operator!=(const PieceIterator &other) const { return owner_ != other.owner_; }

private:
    Owner *owner_ = nullptr;
};

/// Parts, until there is none.
template <class F>
std::vector<Part> parts(F &&next)
{
    std::vector<Part> parts;
    for (;;) {
        edge_llm_part part{};
        part.struct_size = sizeof part;
        check(next(&part));
        if (part.kind == EDGE_LLM_PART_NONE) return parts;
        parts.push_back({static_cast<edge_llm_part_kind>(part.kind), part.index, std::string(part.text, part.text_length),
            std::string(part.id, part.id_length), std::string(part.name, part.name_length)});
    }
}

inline Piece view(const edge_llm_piece &piece)
{
    return {piece.token, {piece.text ? piece.text : "", piece.text_length}, static_cast<edge_llm_finish>(piece.finish), piece.logprob,
        piece.sampled_logprob, piece.top, piece.top_count, piece.sampled_top, piece.sampled_top_count};
}

} // namespace detail

/// The steps of a generation, computed as they are asked for: an input range, for one reader. A context has one generation: to read on after
/// another one has begun, or after the context's end, throws. A generation that is cancelled or out of time ends with a step that says so in
/// its finish reason; other errors are thrown.
class Generation {
public:
    using iterator = detail::PieceIterator<Generation>;

    Generation(edge_llm_context *context, std::uint32_t id) : context_(context), id_(id) {}
    Generation(Generation &&) = default;
    Generation &operator=(Generation &&) = default;
    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }

    /// Of a chat: what the last step has completed.
    std::vector<Part> parts()
    {
        return detail::parts([&](edge_llm_part *part) { return edge_llm_context_next_part(context_, part); });
    }

    /// Why the last step was the last one.
    edge_llm_finish finish() const { return piece_.finish; }

private:
    friend iterator;

    bool advance()
    {
        if (piece_.finish != EDGE_LLM_FINISH_NONE) return false;
        edge_llm_piece piece{};
        piece.struct_size = sizeof piece;
        piece.id = id_;
        edge_llm_status status = edge_llm_context_next(context_, &piece);
        if (piece.finish == EDGE_LLM_FINISH_NONE) check(status); // else the step says that it was cancelled or out of time
        piece_ = detail::view(piece);
        return true;
    }

    edge_llm_context *context_;
    std::uint32_t id_;
    Piece piece_{};
};

namespace detail {

/// What requests that were submitted together tell. It lives as long as one of them, and as a call of it.
struct Ready : std::enable_shared_from_this<Ready> {
    explicit Ready(std::function<void()> told) : function(std::move(told)) {}

    static void call(void *user) noexcept
    {
        std::shared_ptr<Ready> self = static_cast<Ready *>(user)->shared_from_this();
        self->function();
    }

    std::function<void()> function;
};

} // namespace detail

/// An answer that a context computes together with others: see edge_llm_request_submit. It is polled with next, or waited for, or iterated
/// over, by one thread at a time. One that is cancelled or out of time ends with a step that says so in its finish reason. Its end cancels it.
class Request {
public:
    using iterator = detail::PieceIterator<Request>;

    Request(edge_llm_request *handle, std::shared_ptr<detail::Ready> ready) : handle_(handle), ready_(std::move(ready)) {}
    Request(Request &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), ready_(std::move(other.ready_)), piece_(other.piece_) {}
    Request &operator=(Request &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        std::swap(ready_, other.ready_);
        std::swap(piece_, other.piece_);
        return *this;
    }
    ~Request()
    {
        if (handle_) edge_llm_request_close(handle_);
    }

    edge_llm_request *handle() const noexcept { return handle_; }

    /// The next step if it is there, computing nothing; none also after the last one. Its text is valid until the next step.
    std::optional<Piece> next() { return read(edge_llm_request_next) ? std::optional<Piece>(piece_) : std::nullopt; }

    /// The next step, waited for; none after the last one.
    std::optional<Piece> wait() { return advance() ? std::optional<Piece>(piece_) : std::nullopt; }

    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }

    /// Of a chat: what the last step has completed.
    std::vector<Part> parts()
    {
        return detail::parts([&](edge_llm_part *part) { return edge_llm_request_next_part(handle_, part); });
    }

    /// Why the last step was the last one.
    edge_llm_finish finish() const { return piece_.finish; }

    /// Ends it; any thread may.
    void cancel() { check(edge_llm_request_cancel(handle_)); }

    edge_llm_request_statistics statistics() const
    {
        edge_llm_request_statistics statistics{};
        statistics.struct_size = sizeof statistics;
        check(edge_llm_request_get_statistics(handle_, &statistics));
        return statistics;
    }

private:
    friend iterator;

    bool advance() { return read(edge_llm_request_wait); }

    bool read(edge_llm_status (*function)(edge_llm_request *, edge_llm_piece *))
    {
        if (piece_.finish != EDGE_LLM_FINISH_NONE) return false;
        edge_llm_piece piece{};
        piece.struct_size = sizeof piece;
        edge_llm_status status = function(handle_, &piece);
        if (status == EDGE_LLM_NOT_READY) return false;
        if (piece.finish == EDGE_LLM_FINISH_NONE) check(status);
        piece_ = detail::view(piece);
        return true;
    }

    edge_llm_request *handle_ = nullptr;
    std::shared_ptr<detail::Ready> ready_; // until the handle is closed
    Piece piece_{};
};

/// Runs a model: see edge_llm_context_create. One thread at a time, but for cancel.
class Context {
public:
    explicit Context(const Model &model, const ContextOptions &options = {}) { check(edge_llm_context_create(model.handle(), &options, &handle_)); }
    Context(Context &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Context &operator=(Context &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Context()
    {
        if (handle_) edge_llm_context_close(handle_);
    }

    static Expected<Context> try_create(const Model &model, const ContextOptions &options = {})
    {
        return detail::attempt([&] { return Context(model, options); });
    }

    edge_llm_context *handle() const noexcept { return handle_; }

    /// Begins a generation; iterating over it computes it. The prompt is all tokens of the text so far, and must have some.
    Generation generate(const std::vector<Token> &prompt, const GenerateOptions &options = {})
    {
        static const Token none = 0; // an empty vector may have no address, which would mean to go on
        return start(prompt.empty() ? &none : prompt.data(), prompt.size(), options);
    }

    Expected<Generation> try_generate(const std::vector<Token> &prompt, const GenerateOptions &options = {})
    {
        return detail::attempt([&] { return generate(prompt, options); });
    }

    /// Begins the answer to a conversation; Generation::parts tells content, reasoning and calls of tools apart.
    Generation chat(const std::vector<Message> &messages, const ChatOptions &chat = {}, const AnswerOptions &answer = {}, const GenerateOptions &options = {})
    {
        std::vector<edge_llm_chat_message> turns = Model::views(messages);
        return start(options, [&](const edge_llm_generate_options *c) {
            return edge_llm_context_start_chat(handle_, turns.data(), turns.size(), &chat, &answer, c);
        });
    }

    /// Begins an answer to a prompt that shares passes with others. step, start_thread, or who waits for one drives them.
    Request submit(const std::vector<Token> &prompt, const GenerateOptions &options = {}) { return std::move(submit_choices(prompt, 1, options).front()); }

    /// Begins several answers to one prompt, which is computed once.
    std::vector<Request> submit_choices(const std::vector<Token> &prompt, std::size_t count, const GenerateOptions &options = {})
    {
        return submit(count, options, [&](const edge_llm_generate_options *c, edge_llm_request **requests) {
            return edge_llm_request_submit(handle_, prompt.data(), prompt.size(), c, count, requests);
        });
    }

    /// The same for the answer to a conversation.
    Request submit_chat(const std::vector<Message> &messages, const ChatOptions &chat = {}, const AnswerOptions &answer = {}, const GenerateOptions &options = {})
    {
        return std::move(submit_chat_choices(messages, 1, chat, answer, options).front());
    }

    std::vector<Request> submit_chat_choices(const std::vector<Message> &messages, std::size_t count, const ChatOptions &chat = {},
        const AnswerOptions &answer = {}, const GenerateOptions &options = {})
    {
        std::vector<edge_llm_chat_message> turns = Model::views(messages);
        return submit(count, options, [&](const edge_llm_generate_options *c, edge_llm_request **requests) {
            return edge_llm_request_submit_chat(handle_, turns.data(), turns.size(), &chat, &answer, c, count, requests);
        });
    }

    /// Drives one pass for all requests; how many need more.
    std::size_t step()
    {
        std::size_t remaining = 0;
        check(edge_llm_context_step(handle_, &remaining));
        return remaining;
    }

    /// Starts a thread of the library's that drives the passes.
    void start_thread() { check(edge_llm_context_start_thread(handle_)); }

    /// Begins a generation that goes on from what the sequence holds.
    Generation resume(const GenerateOptions &options = {}) { return start(nullptr, 0, options); }

    Expected<Generation> try_resume(const GenerateOptions &options = {})
    {
        return detail::attempt([&] { return resume(options); });
    }

    void cancel() { check(edge_llm_context_cancel(handle_)); }
    void eval(const std::vector<Token> &tokens, int sequence = 0) { check(edge_llm_context_eval(handle_, sequence, tokens.data(), tokens.size())); }

    std::vector<float> logits(std::size_t row = 0) const
    {
        const float *first = nullptr;
        std::size_t count = 0;
        check(edge_llm_context_logits(handle_, row, &first, &count));
        return std::vector<float>(first, first + count);
    }

    Token sample(const SamplingOptions &options = {}, std::size_t row = 0, int sequence = 0)
    {
        Token token = -1;
        check(edge_llm_context_sample(handle_, row, sequence, &options, &token));
        return token;
    }

    std::vector<float> embed(const std::vector<Token> &tokens, bool normalize = true)
    {
        std::vector<float> vector;
        detail::fill(vector, 0,
            [&](float *b, std::size_t n, std::size_t *c) { return edge_llm_context_embed(handle_, tokens.data(), tokens.size(), normalize, b, n, c); });
        return vector;
    }

    // The scores of a document for a query, by a model that ranks.
    std::vector<float> rank(std::string_view query, std::string_view document)
    {
        std::vector<float> scores;
        detail::fill(scores, 0, [&](float *b, std::size_t n, std::size_t *c) {
            return edge_llm_context_rank(handle_, query.data(), query.size(), document.data(), document.size(), b, n, c);
        });
        return scores;
    }

    std::vector<Token> tokens(int sequence = 0) const
    {
        std::vector<Token> tokens;
        detail::fill(tokens, 0, [&](Token *b, std::size_t n, std::size_t *c) { return edge_llm_sequence_tokens(handle_, sequence, b, n, c); });
        return tokens;
    }

    /// The adapters of sequences that name none, and of texts to embed or rank.
    void set_adapters(const std::vector<AdapterScale> &adapters) { check(edge_llm_context_set_adapters(handle_, adapters.data(), adapters.size())); }

    /// The adapters of one sequence, which is empty.
    void set_adapters(const std::vector<AdapterScale> &adapters, int sequence)
    {
        static const edge_llm_adapter_scale none{}; // an empty vector may have no address, which would mean the context's
        check(edge_llm_sequence_set_adapters(handle_, sequence, adapters.empty() ? &none : adapters.data(), adapters.size()));
    }

    void copy(int from, int to) { check(edge_llm_sequence_copy(handle_, from, to)); }
    void remove(int sequence) { check(edge_llm_sequence_remove(handle_, sequence)); }
    void trim(std::size_t length, int sequence = 0) { check(edge_llm_sequence_trim(handle_, sequence, length)); }

    std::vector<unsigned char> save(int sequence = 0) const
    {
        std::vector<unsigned char> state;
        detail::fill(state, 0, [&](unsigned char *b, std::size_t n, std::size_t *c) { return edge_llm_state_save(handle_, sequence, b, n, c); });
        return state;
    }

    void load(const std::vector<unsigned char> &state, int sequence = 0) { check(edge_llm_state_load(handle_, sequence, state.data(), state.size())); }

    edge_llm_context_counters counters() const
    {
        edge_llm_context_counters counters{};
        counters.struct_size = sizeof counters;
        check(edge_llm_context_get_counters(handle_, &counters));
        return counters;
    }

private:
    Generation start(const Token *prompt, std::size_t count, const GenerateOptions &options)
    {
        return start(options, [&](const edge_llm_generate_options *c) { return edge_llm_context_start(handle_, prompt, count, c); });
    }

    template <class Begin> Generation start(const GenerateOptions &options, Begin begin)
    {
        static std::atomic<std::uint32_t> generations{0};
        std::uint32_t id;
        do id = ++generations;
        while (id == 0);
        with(options, [&](edge_llm_generate_options &c) {
            c.id = id;
            c.sequence = options.sequence;
            check(begin(&c));
        });
        return Generation(handle_, id);
    }

    template <class Begin> std::vector<Request> submit(std::size_t count, const GenerateOptions &options, Begin begin)
    {
        std::shared_ptr<detail::Ready> ready = options.ready ? std::make_shared<detail::Ready>(options.ready) : nullptr;
        std::vector<edge_llm_request *> handles(count);
        std::vector<Request> requests;
        requests.reserve(count);
        with(options, [&](edge_llm_generate_options &c) {
            c.ready = ready ? &detail::Ready::call : nullptr;
            c.ready_user = ready.get();
            check(begin(&c, handles.data()));
        });
        for (edge_llm_request *handle : handles) requests.emplace_back(handle, ready);
        return requests;
    }

    /// The options as C takes them, for as long as the function runs.
    template <class F> static void with(const GenerateOptions &options, F function)
    {
        edge_llm_generate_options c;
        std::vector<edge_llm_text> stops;
        check(edge_llm_generate_options_default(&c, sizeof c));
        for (const std::string &stop : options.stop) stops.push_back({stop.data(), stop.size()});
        c.max_tokens = options.max_tokens;
        c.ignore_eos = options.ignore_eos;
        c.render_special = options.render_special;
        if (options.deadline) c.deadline = options.deadline->count() < 0 ? 0 : options.deadline->count(); // below 0 would be none
        c.sampling = &options.sampling;
        c.stop = stops.data();
        c.stop_count = stops.size();
        c.grammar_kind = options.grammar_kind;
        c.grammar_flags = options.grammar_flags;
        if (options.grammar_kind != EDGE_LLM_GRAMMAR_NONE) {
            c.grammar = options.grammar.data();
            c.grammar_length = options.grammar.size();
        }
        if (options.salt) {
            c.salt = options.salt->data();
            c.salt_length = options.salt->size();
        }
        c.priority = options.priority;
        c.choice = options.choice;
        c.draft_tokens = options.draft_tokens;
        c.context_shift = options.context_shift;
        c.keep = options.keep;
        c.logprobs = options.logprobs;
        if (!options.adapters.empty()) {
            c.adapters = options.adapters.data();
            c.adapter_count = options.adapters.size();
        }
        function(c);
    }

    edge_llm_context *handle_ = nullptr;
};

} // namespace edge_llm

#endif
