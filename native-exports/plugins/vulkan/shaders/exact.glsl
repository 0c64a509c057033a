// Operations rounded once, to the nearest, in 32-bit integers: right whatever a device makes of its own.

uvec2 shift_right(uvec2 v, uint n) // (high, low); bits that fall off leave a one in the last place
{
    if (n == 0u) return v;
    if (n >= 64u) return uvec2(0u, (v.x | v.y) != 0u ? 1u : 0u);
    if (n >= 32u)
    {
        uint m = n - 32u, lost = v.y | (m == 0u ? 0u : v.x << (32u - m));
        return uvec2(0u, v.x >> m | (lost != 0u ? 1u : 0u));
    }
    return uvec2(v.x >> n, v.y >> n | v.x << (32u - n) | (v.y << (32u - n) != 0u ? 1u : 0u));
}

// x * y + z, for devices whose fma rounds the product as well.
float fma_exact(float fx, float fy, float fz)
{
    uint x = floatBitsToUint(fx), y = floatBitsToUint(fy), z = floatBitsToUint(fz);
    int ex = int(x >> 23 & 255u), ey = int(y >> 23 & 255u), ez = int(z >> 23 & 255u);
    if (ex == 255 || ey == 255 || ez == 255) return fx * fy + fz; // an infinity or a NaN: nothing is rounded
    uint mx = x & 0x7fffffu, my = y & 0x7fffffu, mz = z & 0x7fffffu;
    if (ex == 0) ex = 1; else mx |= 0x800000u;
    if (ey == 0) ey = 1; else my |= 0x800000u;
    if (ez == 0) ez = 1; else mz |= 0x800000u;
    uint sp = (x ^ y) & 0x80000000u, sz = z & 0x80000000u, high, low;
    umulExtended(mx, my, high, low);
    uvec2 p = uvec2(high << 14 | low >> 18, low << 14), c = uvec2(mz << 6, 0u); // 62 bits each
    int ep = ex + ey - 314, ec = ez - 188, e;                                  // of their last places
    if (p == uvec2(0u)) ep = ec;
    if (c == uvec2(0u)) ec = ep;
    if (ep > ec) { c = shift_right(c, uint(ep - ec)); e = ep; } else { p = shift_right(p, uint(ec - ep)); e = ec; }
    uint sign = sp;
    uvec2 s;
    if (sp == sz)
    {
        uint carry;
        s.y = uaddCarry(p.y, c.y, carry);
        s.x = p.x + c.x + carry;
    }
    else
    {
        bool less = p.x < c.x || (p.x == c.x && p.y < c.y);
        if (less) { uvec2 t = p; p = c; c = t; sign = sz; }
        uint borrow;
        s.y = usubBorrow(p.y, c.y, borrow);
        s.x = p.x - c.x - borrow;
        if (s == uvec2(0u)) sign = 0u;
    }
    if (s == uvec2(0u)) return uintBitsToFloat(sign);
    int top = s.x != 0u ? 32 + findMSB(s.x) : findMSB(s.y);
    int drop = max(top - 23, -149 - e);                                        // places under the last that a float keeps
    uint m;
    if (drop <= 0) m = s.y << -drop;
    else
    {
        uvec2 kept = drop >= 2 ? shift_right(s, uint(drop - 2)) : uvec2(0u, s.y << 1); // two more places: half, and all that is below
        m = kept.y >> 2;
        uint rest = kept.y & 3u;
        if (rest == 3u || (rest == 2u && (m & 1u) != 0u)) m++;
    }
    int exponent = e + drop + 150;                                             // biased, were m 24 bits long
    if (m >= 0x1000000u) { m >>= 1; exponent++; }
    if (exponent >= 255) return uintBitsToFloat(sign | 0x7f800000u);
    return uintBitsToFloat(sign | (m < 0x800000u ? m : uint(exponent) << 23 | (m & 0x7fffffu)));
}

// A magnitude other than 0 as a mantissa of 24 bits and a biased exponent, which is under 1 for a subnormal number.
void split(uint magnitude, out uint mantissa, out int exponent)
{
    exponent = int(magnitude >> 23);
    mantissa = magnitude & 0x7fffffu | 0x800000u;
    if (exponent != 0) return;
    int shift = 23 - findMSB(magnitude);
    mantissa = magnitude << shift;
    exponent = 1 - shift;
}

// Devices promise 2.5 units in the last place.
float divide(float fx, float fy)
{
    uint x = floatBitsToUint(fx), y = floatBitsToUint(fy), sign = (x ^ y) & 0x80000000u, r, d;
    x &= 0x7fffffffu;
    y &= 0x7fffffffu;
    if (x > 0x7f800000u || y > 0x7f800000u) return uintBitsToFloat(0x7fc00000u);
    if (x == 0x7f800000u || y == 0u) return uintBitsToFloat(x == y || (x | y) == 0u ? 0x7fc00000u : sign | 0x7f800000u);
    if (y == 0x7f800000u || x == 0u) return uintBitsToFloat(sign);
    int ex, ey;
    split(x, r, ex);
    split(y, d, ey);
    int e = ex - ey + 127;
    if (r < d) { r <<= 1; e--; }
    uint q = 1u; // the quotient is 1 to 2: 26 bits of it, three times eight and one
    r -= d;
    for (int i = 0; i < 3; i++)
    {
        r <<= 8;
        uint digit = r / d;
        r -= digit * d;
        q = q << 8 | digit;
    }
    r <<= 1;
    q <<= 1;
    if (r >= d) { r -= d; q |= 1u; }
    int drop = 2 + max(0, 1 - e);
    if (drop > 27) return uintBitsToFloat(sign);
    uint m = q >> drop, rest = q & (1u << drop) - 1u, half_way = 1u << (drop - 1);
    if (rest > half_way || (rest == half_way && (r != 0u || (m & 1u) != 0u))) m++;
    return uintBitsToFloat(sign | min((uint(max(e, 1) - 1) << 23) + m, 0x7f800000u));
}

float root(float fx)
{
    uint x = floatBitsToUint(fx), m;
    if (x == 0u || x == 0x80000000u || x == 0x7f800000u) return fx;
    if (x > 0x7f800000u) return uintBitsToFloat(0x7fc00000u);
    int e;
    split(x, m, e);
    e -= 150;
    if ((e & 1) != 0) { m <<= 1; e--; }
    uvec2 square = uvec2(m >> 6, m << 26); // its root has 25 or 26 bits
    uint s = 0u;
    for (uint bit = 1u << 25; bit != 0u; bit >>= 1)
    {
        uint high, low, trial = s | bit;
        umulExtended(trial, trial, high, low);
        if (high < square.x || (high == square.x && low <= square.y)) s = trial;
    }
    int drop = findMSB(s) - 23;
    m = (s >> drop) + (s >> (drop - 1) & 1u); // a root is never half-way between two floats
    return uintBitsToFloat((uint((e - 26) / 2 + drop + 149) << 23) + m);
}
