// Small programs of several kinds that tests stop anywhere: each takes a size and returns a number that all of its work
// went into.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define KERNEL(name) __attribute__((export_name(#name))) u32 name(u32 n)

static u8 bytes[20000];
static double floats[64];
static u64 seed = 1;

static u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
KERNEL(recursion) { return fibonacci(n); }

KERNEL(sieve) {
    u32 count = 0;
    for (u32 i = 2; i < n; ++i) {
        if (bytes[i]) continue;
        ++count;
        for (u32 k = i * 2; k < n; k += i) bytes[k] = 1;
    }
    return count;
}

KERNEL(mixing) {
    u64 sum = 0;
    for (u32 i = 0; i < n; ++i) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        sum += seed % (i + 3) + (seed >> (i & 63));
    }
    return (u32)(sum ^ sum >> 32);
}

KERNEL(floating) {
    for (u32 i = 0; i < n; ++i) {
        double* at = &floats[i % 64];
        *at = __builtin_sqrt(*at * 1.5 + (double)i) - (float)i / 3.0f;
        if (*at < 0) *at = -*at;
    }
    double sum = 0;
    for (u32 i = 0; i < 64; ++i) sum += floats[i];
    return (u32)(sum * 1000.0);
}

static u32 add(u32 a, u32 b) { return a + b; }
static u32 multiply(u32 a, u32 b) { return a * (b | 1); }
static u32 rotate(u32 a, u32 b) { return a << (b & 31) | a >> (-b & 31); }
static u32 (*const operations[])(u32, u32) = {add, multiply, rotate};
KERNEL(indirect) {
    u32 value = n;
    for (u32 i = 0; i < n; ++i) value = operations[value % 3](value, i);
    return value;
}

/// A machine of a few instructions, by a table of branches.
KERNEL(machine) {
    u32 a = 1, b = n, at = 0;
    for (u32 rounds = 0; rounds < n * 8; ++rounds) switch (at = (at * 5 + a) % 8) {
            case 0: a += b; break;
            case 1: b ^= a << 3; break;
            case 2: bytes[a % sizeof bytes] += (u8)b; break;
            case 3: a -= bytes[b % sizeof bytes]; break;
            case 4: b = b * 31 + 7; break;
            case 5: __builtin_memset(bytes + a % 1000, (int)b, b % 500); break;
            case 6: __builtin_memcpy(bytes + 5000 + a % 1000, bytes + b % 1000, a % 700); break;
            default: a = a / (b | 1) + b; break;
        }
    return a ^ b;
}
