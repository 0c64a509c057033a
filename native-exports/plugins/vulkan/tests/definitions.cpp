#include "definitions.h"

static float from_bits(uint32_t b) { float f; memcpy(&f, &b, 4); return f; }
static uint32_t bits(float f) { uint32_t b; memcpy(&b, &f, 4); return b; }
static float half(const uint8_t* p)
{
    uint32_t h = (uint32_t)(p[0] | p[1] << 8), m = (h & 0x7fff) << 13;
    float v = m < 0x00800000 ? from_bits(m + 0x38800000) - from_bits(0x38800000) : from_bits(m + 0x38000000);
    return from_bits(bits(v) | (h & 0x8000) << 16);
}

// Activations: int8 and a scale for each `block` values.
static void quantize(const float* x, int width, int block, std::vector<int>& q, std::vector<float>& scales)
{
    q.assign(width, 0);
    scales.assign((width + block - 1) / block, 0.0f);
    for (int first = 0; first < width; first += block)
    {
        float largest = 0;
        for (int i = first; i < first + block; i++) largest = std::fmax(largest, std::fabs(x[i]));
        if (largest < 0x1p-100f) continue;
        float inverse = 127.0f / largest;
        for (int i = first; i < first + block; i++)
        {
            float r = std::nearbyint(x[i] * inverse);
            q[i] = (int)(r > 127 ? 127 : r < -127 ? -127 : r);
        }
        scales[first / block] = largest / 127.0f;
    }
}

// Value i of a super-block as an integer, its scale and its minimum.
struct Weight { int value, scale, min; };
static Weight weight(uint32_t type, const uint8_t* b, int i)
{
    int h = i / 128, g = i % 128 / 32, l = i % 32, j = i / 16;
    if (type == Q4_K || type == Q5_K)
    {
        const uint8_t* s = b + 4;
        int k = i / 32, scale = k < 4 ? s[k] & 63 : (s[k + 4] & 15) | s[k - 4] >> 6 << 4, min = k < 4 ? s[k + 4] & 63 : s[k + 4] >> 4 | s[k] >> 6 << 4;
        int low = b[(type == Q4_K ? 16 : 48) + k / 2 * 32 + l] >> k % 2 * 4 & 15;
        return {low | (type == Q5_K ? (b[16 + l] >> k & 1) << 4 : 0), scale, min};
    }
    if (type == Q2_K) return {b[16 + 32 * h + l] >> 2 * g & 3, b[j] & 15, b[j] >> 4};
    if (type == Q3_K)
    {
        const uint8_t* s = b + 96;
        int scale = ((s[j % 8] >> j / 8 * 4 & 15) | (s[8 + j % 4] >> j / 4 * 2 & 3) << 4) - 32;
        return {((b[32 + 32 * h + l] >> 2 * g & 3) | (b[l] >> i / 32 & 1) << 2) - 4, scale, 0};
    }
    return {((b[64 * h + g % 2 * 32 + l] >> g / 2 * 4 & 15) | (b[128 + 32 * h + l] >> 2 * g & 3) << 4) - 32, (int8_t)b[192 + j], 0};
}

static float super_blocks(uint32_t type, const uint8_t* b, int width, const float* x)
{
    static const struct { uint32_t type; int bytes, d, dmin; } places[] = {{Q2_K, 84, 80, 82}, {Q3_K, 110, 108, -1}, {Q4_K, 144, 0, 2}, {Q5_K, 176, 0, 2}, {Q6_K, 210, 208, -1}};
    std::vector<int> q;
    std::vector<float> scales;
    quantize(x, width, 256, q, scales);
    float sum = 0;
    for (const auto& p : places)
        for (int s = 0; p.type == type && s < width / 256; s++, b += p.bytes)
        {
            int isum = 0, msum = 0;
            for (int i = 0; i < 256; i++)
            {
                Weight w = weight(type, b, i);
                isum += w.value * w.scale * q[256 * s + i];
                msum += w.min * q[256 * s + i];
            }
            float f = (float)isum * half(b + p.d);
            if (p.dmin >= 0) f = std::fmaf(-(float)msum, half(b + p.dmin), f);
            sum = std::fmaf(f, scales[s], sum);
        }
    return sum;
}

static float blocks(uint32_t type, const uint8_t* b, int width, const float* x)
{
    std::vector<int> q;
    std::vector<float> scales;
    quantize(x, width, 32, q, scales);
    float sum = 0;
    for (int first = 0; first < width; first += 256)
    {
        float p[8] = {};
        for (int k = 0; k < 8 && first + 32 * k < width; k++, b += type == Q8_0 ? 34 : 18)
        {
            int isum = 0;
            for (int i = 0; i < 32; i++) isum += (type == Q8_0 ? (int8_t)b[2 + i] : (b[2 + i % 16] >> i / 16 * 4 & 15) - 8) * q[first + 32 * k + i];
            p[k] = (float)isum * half(b) * scales[first / 32 + k];
        }
        sum = sum + (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7])));
    }
    return sum;
}

float defined_product(uint32_t type, const uint8_t* row, int width, const float* x)
{
    if (type == Q4_0 || type == Q8_0) return blocks(type, row, width, x);
    if (type != F32 && type != F16) return super_blocks(type, row, width, x);
    float lanes[16] = {};
    for (int i = 0; i < width; i++)
    {
        float w = 0;
        if (type == F32) memcpy(&w, row + 4 * i, 4);
        lanes[i % 16] = std::fmaf(type == F32 ? w : half(row + 2 * i), x[i], lanes[i % 16]);
    }
    for (int n = 8; n > 0; n /= 2)
        for (int i = 0; i < n; i++) lanes[i] += lanes[i + n];
    return lanes[0];
}
