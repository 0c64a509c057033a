// The kernels, in Metal's language. Each thread makes one result in the canonical order, so a result is the same whatever runs beside it.
// A fused multiply-add stands where fma does, and nowhere else.
#include <metal_stdlib>
using namespace metal;
#pragma METAL fp contract(off)
#include "parameters.h"

typedef device const float *floats;
typedef device const uchar *bytes;

static float half_at(bytes p)
{
    int bits = p[0] | p[1] << 8, magnitude = (bits & 0x7fff) << 13;
    // Without subnormal numbers, which a device may not keep.
    float value = magnitude < 0x00800000 ? as_type<float>(magnitude + 0x38800000) - as_type<float>(0x38800000) : as_type<float>(magnitude + 0x38000000);
    return bits & 0x8000 ? -value : value;
}

static int to_half(float value)
{
    uint bits = as_type<uint>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) return int(sign | 0x7bff);
    if (magnitude < 0x38800000) return int(sign | (as_type<uint>(as_type<float>(magnitude) + 0.5f) - 0x3f000000));
    return int(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

static float tree(thread float *lanes)
{
    for (int apart = 8; apart > 0; apart /= 2)
        for (int i = 0; i < apart; i++) lanes[i] += lanes[i + apart];
    return lanes[0];
}

static float exp_of(float x)
{
    if (x < -87.33654f) return 0;
    if (isnan(x)) return x;
    if (x > 89.0f) x = 89.0f;
    float n = rint(x * 1.44269504f);
    float r = fma(n, -0.693359375f, x);
    r = fma(n, 2.12194440e-4f, r);
    float p = fma(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = fma(p, r, 8.3334519073e-3f);
    p = fma(p, r, 4.1665795894e-2f);
    p = fma(p, r, 1.6666665459e-1f);
    p = fma(p, r, 5.0000001201e-1f);
    p = fma(p, r * r, r) + 1.0f;
    return p * as_type<float>(uint(int(n) + 127) << 23);
}

static float soft_cap(float x, float c) { return c * (1.0f - 2.0f / (exp_of(2.0f * (x / c)) + 1.0f)); }

static bool is_finite(float x) { return (as_type<uint>(x) & 0x7f800000) != 0x7f800000; }

// y = norm(x): a thread a head of a row; heads are n apart.
kernel void norm(floats x [[buffer(0)]], device float *y [[buffer(1)]], floats weight [[buffer(2)]], floats bias [[buffer(3)]],
                 constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    x += long(at.y) * p.x_stride + long(at.x) * p.n;
    y += long(at.y) * p.y_stride + long(at.x) * p.n;
    float mean = 0, lanes[16] = {};
    if (p.kind == 2)
    {
        for (int i = 0; i < p.n; i++) lanes[i % 16] += x[i];
        mean = tree(lanes) / float(p.n);
        for (int i = 0; i < 16; i++) lanes[i] = 0;
    }
    for (int i = 0; i < p.n; i++) lanes[i % 16] = fma(x[i] - mean, x[i] - mean, lanes[i % 16]);
    float scale = 1.0f / sqrt(tree(lanes) / float(p.n) + p.epsilon);
    for (int i = 0; i < p.n; i++)
    {
        float value = (x[i] - mean) * scale;
        if (p.has_weight) value *= weight[i];
        if (p.has_bias) value += bias[i];
        y[i] = value;
    }
}

// A thread a block of 256 or 32: values as int8, a scale, and a sum for each 32. A flag is set where a value is not finite.
kernel void quantize(floats x [[buffer(0)]], device char *q [[buffer(1)]], device float *scales [[buffer(2)]], device int *sums [[buffer(3)]],
                     device int *flag [[buffer(4)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    int block = p.kind, blocks = p.n / block;
    x += long(at.y) * p.x_stride + long(at.x) * block;
    q += long(at.y) * p.n + long(at.x) * block;
    sums += long(at.y) * (p.n / 32) + long(at.x) * (block / 32);
    uint largest = 0;
    for (int i = 0; i < block; i++) largest = max(largest, as_type<uint>(x[i]) & 0x7fffffff);
    bool finite = largest < 0x7f800000, small = largest < 27u << 23;
    if (!finite) *flag = 1;
    float inverse = finite && !small ? 127.0f / as_type<float>(largest) : 0;
    scales[long(at.y) * blocks + at.x] = finite && !small ? as_type<float>(largest) / 127.0f : 0;
    for (int s = 0; s < block / 32; s++)
    {
        int sum = 0;
        for (int i = 32 * s; i < 32 * s + 32; i++)
        {
            float value = inverse == 0 ? 0 : rint(x[i] * inverse);
            q[i] = char(int(value > 127 ? 127 : value < -127 ? -127 : value));
            sum += q[i];
        }
        sums[s] = sum;
    }
}

// What follows a product: * scale + bias.
static void finish(device float *y, floats bias, constant parameters &p, uint2 at, float value)
{
    if (p.scale != 0) value *= p.scale;
    if (p.has_bias) value += bias[at.x];
    y[long(at.y) * p.y_stride + at.x] = value;
}

// A thread a row of the matrix and a row of the input.
kernel void product_f32(bytes w [[buffer(0)]], floats x [[buffer(1)]], device float *y [[buffer(2)]], floats bias [[buffer(3)]],
                        constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    floats row = (floats)(w + at.x * p.row_bytes);
    x += long(at.y) * p.x_stride;
    float lanes[16] = {};
    for (int i = 0; i < p.n; i++) lanes[i % 16] = fma(row[i], x[i], lanes[i % 16]);
    finish(y, bias, p, at, tree(lanes));
}

kernel void product_f16(bytes w [[buffer(0)]], floats x [[buffer(1)]], device float *y [[buffer(2)]], floats bias [[buffer(3)]],
                        constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    w += at.x * p.row_bytes;
    x += long(at.y) * p.x_stride;
    float lanes[16] = {};
    for (int i = 0; i < p.n; i++) lanes[i % 16] = fma(half_at(w + 2 * i), x[i], lanes[i % 16]);
    finish(y, bias, p, at, tree(lanes));
}

kernel void product_q8_0(bytes w [[buffer(0)]], device const char *q [[buffer(1)]], device float *y [[buffer(2)]], floats bias [[buffer(3)]],
                         floats scales [[buffer(4)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    w += at.x * p.row_bytes;
    q += long(at.y) * p.n;
    scales += long(at.y) * (p.n / 32);
    float sum = 0;
    for (int first = 0; first < p.n / 32; first += 8)
    {
        float g[8] = {};
        for (int b = first; b < first + 8 && b < p.n / 32; b++)
        {
            int products = 0;
            for (int i = 0; i < 32; i++) products += int(char(w[34 * b + 2 + i])) * int(q[32 * b + i]);
            g[b - first] = float(products) * half_at(w + 34 * b) * scales[b];
        }
        sum += ((g[0] + g[1]) + (g[2] + g[3])) + ((g[4] + g[5]) + (g[6] + g[7]));
    }
    finish(y, bias, p, at, sum);
}

kernel void product_q4_k(bytes w [[buffer(0)]], device const char *q [[buffer(1)]], device float *y [[buffer(2)]], floats bias [[buffer(3)]],
                         floats scales [[buffer(4)]], device const int *sums [[buffer(5)]], constant parameters &p [[buffer(8)]],
                         uint2 at [[thread_position_in_grid]])
{
    w += at.x * p.row_bytes;
    q += long(at.y) * p.n;
    scales += long(at.y) * (p.n / 256);
    sums += long(at.y) * (p.n / 32);
    float sum = 0;
    for (int s = 0; s < p.n / 256; s++, w += 144, q += 256, sums += 8)
    {
        bytes packed = w + 4;
        int products = 0, minimums = 0;
        for (int j = 0; j < 8; j++)
        {
            int scale = j < 4 ? packed[j] & 63 : (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
            int minimum = j < 4 ? packed[j + 4] & 63 : packed[j + 4] >> 4 | packed[j] >> 6 << 4;
            int block = 0;
            for (int i = 0; i < 32; i++) block += (w[16 + j / 2 * 32 + i] >> (j % 2 * 4) & 15) * int(q[32 * j + i]);
            products += scale * block;
            minimums += minimum * sums[j];
        }
        float f = fma(-float(minimums), half_at(w + 2), float(products) * half_at(w));
        sum = fma(f, scales[s], sum);
    }
    finish(y, bias, p, at, sum);
}

kernel void product_q6_k(bytes w [[buffer(0)]], device const char *q [[buffer(1)]], device float *y [[buffer(2)]], floats bias [[buffer(3)]],
                         floats scales [[buffer(4)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    w += at.x * p.row_bytes;
    q += long(at.y) * p.n;
    scales += long(at.y) * (p.n / 256);
    float sum = 0;
    for (int s = 0; s < p.n / 256; s++, w += 210, q += 256)
    {
        int products = 0;
        for (int b = 0; b < 16; b++)
        {
            int quarter = b % 8 / 2, place = b % 2 * 16;
            bytes low = w + b / 8 * 64 + quarter % 2 * 32 + place, high = w + 128 + b / 8 * 32 + place;
            int block = 0;
            for (int i = 0; i < 16; i++)
                block += ((low[i] >> (quarter / 2 * 4) & 15) + (high[i] >> (2 * quarter) & 3) * 16 - 32) * int(q[16 * b + i]);
            products += int(char(w[192 + b])) * block;
        }
        sum = fma(float(products) * half_at(w + 208), scales[s], sum);
    }
    finish(y, bias, p, at, sum);
}

// A thread a head of a row, in place.
kernel void rope(device float *x [[buffer(0)]], floats cosines [[buffer(1)]], floats sines [[buffer(2)]], constant parameters &p [[buffer(8)]],
                 uint2 at [[thread_position_in_grid]])
{
    x += long(at.y) * p.x_stride + long(at.x) * p.key_dim + p.offset;
    cosines += long(at.y) * p.dimensions;
    sines += long(at.y) * p.dimensions;
    for (int i = 0; i < p.dimensions / 2; i++)
    {
        int a = p.halves ? i : 2 * i, b = p.halves ? i + p.dimensions / 2 : 2 * i + 1;
        float first = x[a], second = x[b];
        x[a] = fma(first, cosines[a], second * sines[a]);
        x[b] = fma(second, cosines[b], first * sines[b]);
    }
}

static void store_row(device uchar *row, int type, floats x, int n, device int *flag)
{
    for (int i = 0; i < n; i++)
    {
        if (!is_finite(x[i])) *flag = 1;
        if (type == 0) ((device float *)row)[i] = x[i];
        else ((device ushort *)row)[i] = ushort(to_half(x[i]));
    }
}

// A thread a head of keys and values of a row: positions and tables say where they go. Rows stay padded with the zeros of the beginning.
kernel void store(floats keys [[buffer(0)]], floats values [[buffer(1)]], device uchar *cache [[buffer(2)]], device const int *positions [[buffer(3)]],
                  device const int *starts [[buffer(4)]], device const int *tables [[buffer(5)]], device int *flag [[buffer(6)]],
                  constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    int position = positions[at.y], block = tables[starts[at.y] + position / 64];
    long place = long(at.x) * 64 + position % 64;
    device uchar *to = cache + block * p.block_bytes;
    store_row(to + place * p.key_bytes, p.key_type, keys + long(at.y) * p.x_stride + long(at.x) * p.key_dim, p.key_dim, flag);
    to += p.kv_heads * 64 * p.key_bytes;
    store_row(to + place * p.value_bytes, p.value_type, values + long(at.y) * p.x_stride + long(at.x) * p.value_dim, p.value_dim, flag);
}

static float cached(bytes row, int i, int type) { return type == 0 ? ((floats)row)[i] : half_at(row + 2 * i); }

// A thread a head of a wanted row. block has room for a head's values of each row.
kernel void attend(floats queries [[buffer(0)]], bytes cache [[buffer(1)]], device const int *positions [[buffer(2)]], device const int *starts [[buffer(3)]],
                   device const int *tables [[buffer(4)]], device const int *wanted [[buffer(5)]], floats sinks [[buffer(6)]], device float *out [[buffer(7)]],
                   constant parameters &p [[buffer(8)]], device float *block [[buffer(9)]], uint2 at [[thread_position_in_grid]])
{
    int row = wanted[at.y], position = positions[row], head = int(at.x), kv = head / (p.heads / p.kv_heads);
    int first = p.window == 0 || position < p.window ? 0 : position - p.window + 1;
    floats q = queries + long(row) * p.x_stride + long(head) * p.key_dim;
    out += (long(at.y) * p.heads + head) * p.value_dim;
    block += (long(at.y) * p.heads + head) * p.value_dim;
    float largest = -INFINITY, sum = 0, scores[64];
    for (int i = 0; i < p.value_dim; i++) out[i] = 0;
    for (int b = first / 64; b <= position / 64; b++)
    {
        bytes keys = cache + tables[starts[row] + b] * p.block_bytes, values = keys + p.kv_heads * 64 * p.key_bytes + kv * 64 * p.value_bytes;
        int start = b == first / 64 ? first % 64 : 0, end = b == position / 64 ? position % 64 + 1 : 64;
        float of_block = -INFINITY, lanes[16] = {};
        keys += kv * 64 * p.key_bytes;
        for (int j = start; j < end; j++)
        {
            float dot[16] = {};
            for (int i = 0; i < p.key_dim; i++) dot[i % 16] = fma(q[i], cached(keys + j * p.key_bytes, i, p.key_type), dot[i % 16]);
            scores[j] = tree(dot) * p.scale;
            if (p.softcap != 0) scores[j] = soft_cap(scores[j], p.softcap);
            of_block = scores[j] > of_block ? scores[j] : of_block;
        }
        for (int i = 0; i < p.value_dim; i++) block[i] = 0;
        for (int j = start; j < end; j++)
        {
            float weight = exp_of(scores[j] - of_block);
            lanes[j % 16] += weight;
            for (int i = 0; i < p.value_dim; i++) block[i] = fma(weight, cached(values + j * p.value_bytes, i, p.value_type), block[i]);
        }
        float now = of_block > largest ? of_block : largest, keep = exp_of(largest - now), take = exp_of(of_block - now);
        sum = fma(sum, keep, tree(lanes) * take);
        for (int i = 0; i < p.value_dim; i++) out[i] = fma(out[i], keep, block[i] * take);
        largest = now;
    }
    float keep = 1;
    if (p.has_other)
    {
        float now = sinks[head] > largest ? sinks[head] : largest;
        keep = exp_of(largest - now);
        sum = fma(sum, keep, exp_of(sinks[head] - now));
    }
    for (int i = 0; i < p.value_dim; i++) out[i] = out[i] * keep / sum;
}

// x = activation(x), times y where there is y. A thread a value.
kernel void activate(device float *x [[buffer(0)]], floats y [[buffer(1)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    long i = long(at.y) * p.n + at.x;
    float v = x[i], value = v < 0 ? 0 : v;
    if (p.kind == 1) value = v / (1.0f + exp_of(v * -1.0f));
    else if (p.kind == 2) value = v / (1.0f + exp_of(v * -1.5957691216f * fma(v * v, 0.044715f, 1.0f)));
    else if (p.kind == 4) value = value * value;
    x[i] = p.has_other ? value * y[i] : value;
}

// x += y * scale
kernel void add(device float *x [[buffer(0)]], floats y [[buffer(1)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    long i = long(at.y) * p.n + at.x;
    x[i] += p.scale == 0 ? y[i] : y[i] * p.scale;
}

// Rows of x that are wanted.
kernel void gather(floats x [[buffer(0)]], device const int *wanted [[buffer(1)]], device float *y [[buffer(2)]], constant parameters &p [[buffer(8)]],
                   uint2 at [[thread_position_in_grid]])
{
    y[long(at.y) * p.n + at.x] = x[long(wanted[at.y]) * p.n + at.x];
}

kernel void cap(device float *x [[buffer(0)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    long i = long(at.y) * p.n + at.x;
    x[i] = soft_cap(x[i], p.softcap);
}

// Operations of three values, for the self-test: eight results each.
kernel void probe(floats x [[buffer(0)]], device float *y [[buffer(1)]], constant parameters &p [[buffer(8)]], uint2 at [[thread_position_in_grid]])
{
    float a = x[3 * at.x], b = x[3 * at.x + 1], c = x[3 * at.x + 2];
    y += 8 * long(at.x);
    y[0] = a + b;
    y[1] = a * b;
    y[2] = a * b + c; // two roundings
    y[3] = fma(a, b, c);
    y[4] = a / b;
    y[5] = sqrt(a < 0 ? -a : a);
    y[6] = rint(c);
    y[7] = exp_of(c);
}
