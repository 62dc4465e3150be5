// Kernels that wasm and native builds share: each takes a size and returns a checksum. No libc.
typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef __wasm__
#define KERNEL(name) __attribute__((export_name(#name)))
#else
#define KERNEL(name) __attribute__((noinline))
#endif

// Clang makes calls of it from loops even without a library.
#ifdef __wasm__
void* memset(void* to, int value, unsigned long size) {
    for (volatile u8* at = to; size-- > 0;) *at++ = (u8)value;
    return to;
}
#endif

static u8 memory[16 << 20] __attribute__((aligned(16)));

static i32 fibonacci(i32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
KERNEL(fib) i64 fib(i64 n) { return fibonacci((i32)n); }

KERNEL(mix64) i64 mix64(i64 n) {
    u64 x = 0x9E3779B97F4A7C15ULL, sum = 0;
    for (i64 i = 0; i < n; ++i) {
        x ^= x >> 30;
        x *= 0xBF58476D1CE4E5B9ULL;
        x ^= x >> 27;
        x *= 0x94D049BB133111EBULL;
        x ^= x >> 31;
        sum += x;
    }
    return (i64)sum;
}

KERNEL(matmul) i64 matmul(i64 n) {
    enum { size = 96 };
    double* a = (double*)memory;
    double* b = a + size * size;
    double* c = b + size * size;
    for (i32 i = 0; i < size * size; ++i) {
        a[i] = (double)(i % 17) * 0.5;
        b[i] = (double)(i % 13) * 0.25;
    }
    double sum = 0;
    for (i64 r = 0; r < n; ++r) {
        for (i32 i = 0; i < size; ++i)
            for (i32 j = 0; j < size; ++j) {
                double s = 0;
                for (i32 k = 0; k < size; ++k) s += a[i * size + k] * b[k * size + j];
                c[i * size + j] = s;
            }
        sum += c[(r * 37) % (size * size)];
        a[r % (size * size)] += 1.0;
    }
    return (i64)sum;
}

static const u32 round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
#define ROTATE(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
KERNEL(sha256) i64 sha256(i64 n) {
    u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    u32 w[64];
    for (i64 block = 0; block < n; ++block) {
        for (i32 i = 0; i < 16; ++i) w[i] = (u32)(block * 16 + i) * 2654435761U;
        for (i32 i = 16; i < 64; ++i) {
            const u32 s0 = ROTATE(w[i - 15], 7) ^ ROTATE(w[i - 15], 18) ^ (w[i - 15] >> 3);
            const u32 s1 = ROTATE(w[i - 2], 17) ^ ROTATE(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], k = h[7];
        for (i32 i = 0; i < 64; ++i) {
            const u32 t1 =
                k + (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
            const u32 t2 = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            k = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += k;
    }
    return (i64)(((u64)h[0] << 32) | h[7]);
}

KERNEL(sieve) i64 sieve(i64 n) {
    const u32 limit = (u32)n;
    for (u32 i = 0; i <= limit; ++i) memory[i] = 1;
    for (u32 i = 2; i * i <= limit; ++i)
        if (memory[i])
            for (u32 j = i * i; j <= limit; j += i) memory[j] = 0;
    i64 count = 0;
    for (u32 i = 2; i <= limit; ++i) count += memory[i];
    return count;
}

typedef struct {
    double x, y, z, vx, vy, vz, mass;
} Body;
KERNEL(nbody) i64 nbody(i64 n) {
    Body* bodies = (Body*)memory;
    for (i32 i = 0; i < 5; ++i) {
        const double k = i + 1;
        bodies[i] = (Body){k * 1.5, k * -0.75, k * 0.1, 0.01 * k, 0.02 * k, -0.015 * k, 1.0 / k};
    }
    for (i64 step = 0; step < n; ++step) {
        for (i32 i = 0; i < 5; ++i)
            for (i32 j = i + 1; j < 5; ++j) {
                Body *a = &bodies[i], *b = &bodies[j];
                const double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
                const double d2 = dx * dx + dy * dy + dz * dz;
                const double magnitude = 0.001 / (d2 * __builtin_sqrt(d2));
                a->vx -= dx * b->mass * magnitude, a->vy -= dy * b->mass * magnitude, a->vz -= dz * b->mass * magnitude;
                b->vx += dx * a->mass * magnitude, b->vy += dy * a->mass * magnitude, b->vz += dz * a->mass * magnitude;
            }
        for (i32 i = 0; i < 5; ++i) {
            bodies[i].x += 0.001 * bodies[i].vx;
            bodies[i].y += 0.001 * bodies[i].vy;
            bodies[i].z += 0.001 * bodies[i].vz;
        }
    }
    return (i64)(bodies[0].x * 1e9) + (i64)(bodies[4].vy * 1e9);
}

static void quick_sort(i32* low, i32* high) {
    while (low < high) {
        const i32 pivot = low[(high - low) / 2];
        i32 *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot) ++i;
            while (*j > pivot) --j;
            if (i <= j) {
                const i32 t = *i;
                *i++ = *j;
                *j-- = t;
            }
        }
        if (j - low < high - i) {
            quick_sort(low, j);
            low = i;
        } else {
            quick_sort(i, high);
            high = j;
        }
    }
}
KERNEL(qsort) i64 qsort_kernel(i64 n) {
    i32* values = (i32*)memory;
    const i32 count = 100000;
    i64 sum = 0;
    for (i64 r = 0; r < n; ++r) {
        u32 x = 12345 + (u32)r;
        for (i32 i = 0; i < count; ++i) {
            x = x * 1664525 + 1013904223;
            values[i] = (i32)x;
        }
        quick_sort(values, values + count - 1);
        sum += values[count / 3];
    }
    return sum;
}

KERNEL(hashmap) i64 hashmap(i64 n) {
    enum { slots = 1 << 16 };
    u64* keys = (u64*)memory;
    u32* counts = (u32*)(memory + slots * 8);
    for (u32 i = 0; i < slots; ++i) keys[i] = 0, counts[i] = 0;
    u64 x = 88172645463325252ULL, sum = 0;
    for (i64 i = 0; i < n; ++i) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const u64 key = (x % 40000) + 1;
        u32 at = (u32)((key * 0x9E3779B97F4A7C15ULL) >> 48);
        while (keys[at] != 0 && keys[at] != key) at = (at + 1) & (slots - 1);
        keys[at] = key;
        sum += ++counts[at];
    }
    return (i64)sum;
}

typedef struct {
    u32 key, left, right, priority;
} Node;
KERNEL(tree) i64 tree(i64 n) {
    Node* nodes = (Node*)memory;
    u32 used = 1, root = 0, x = 2463534242U;
    i64 depth_sum = 0;
    for (i64 i = 0; i < n; ++i) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        const u32 key = x & 0x3FFFF;
        u32* at = &root;
        i32 depth = 0;
        while (*at) {
            Node* node = &nodes[*at];
            ++depth;
            if (node->key == key) break;
            at = key < node->key ? &node->left : &node->right;
        }
        if (!*at && used < 200000) {
            nodes[used] = (Node){key, 0, 0, 0};
            *at = used++;
        }
        depth_sum += depth;
    }
    return depth_sum + used;
}

KERNEL(vm) i64 vm(i64 n) {
    enum { op_add, op_sub, op_mul, op_xor, op_shift, op_dec, op_jump, op_halt };
    static const u8 program[] = {op_add, 0, 1, op_xor, 1, 0, op_shift, 2, 0, op_mul,  0, 3,
                                 op_sub, 1, 2, op_dec, 4, 0, op_jump,  4, 0, op_halt, 0, 0};
    volatile u8* copy = memory;
    for (u32 i = 0; i < sizeof program; ++i) copy[i] = program[i];
    const u8* code = memory;
    u64 r[8] = {1, 2, 3, 5, (u64)n, 0, 0, 0};
    u32 pc = 0;
    for (;;) {
        const u8 a = code[pc + 1] & 7, b = code[pc + 2] & 7;
        switch (code[pc]) {
            case op_add:
                r[a] += r[b];
                pc += 3;
                break;
            case op_sub:
                r[a] -= r[b];
                pc += 3;
                break;
            case op_mul:
                r[a] *= r[b];
                pc += 3;
                break;
            case op_xor:
                r[a] ^= r[b];
                pc += 3;
                break;
            case op_shift:
                r[a] = (r[b] >> 7) + 1;
                pc += 3;
                break;
            case op_dec:
                --r[a];
                pc += 3;
                break;
            case op_jump: pc = r[a] != 0 ? 0 : pc + 3; break;
            default: return (i64)(r[0] ^ r[1] ^ r[2]);
        }
    }
}

// Lists, a state machine over text, and a CRC: what embedded benchmarks mix.
typedef struct {
    u32 next, value;
} Link;
KERNEL(mixed) i64 mixed(i64 n) {
    Link* links = (Link*)memory;
    u8* text = memory + (1 << 20);
    const u32 count = 512;
    for (u32 i = 0; i < count; ++i) links[i] = (Link){(i * 167 + 13) % count, i};
    for (u32 i = 0; i < 4096; ++i) text[i] = "012+3.5e-7,abc 99"[i % 17];
    u32 crc = 0xFFFF;
    for (i64 r = 0; r < n; ++r) {
        u32 at = (u32)r % count, sum = 0;
        for (u32 i = 0; i < count; ++i) {
            sum += links[at].value;
            at = links[at].next;
        }
        u32 state = 0, numbers = 0;
        for (u32 i = 0; i < 4096; ++i) {
            const u8 c = text[i];
            switch (state) {
                case 0: state = c >= '0' && c <= '9' ? 1 : c == '+' || c == '-' ? 2 : 0; break;
                case 1:
                    if (c == '.')
                        state = 3;
                    else if (c == 'e')
                        state = 4;
                    else if (c < '0' || c > '9')
                        state = 0, ++numbers;
                    break;
                case 2: state = c >= '0' && c <= '9' ? 1 : 0; break;
                case 3:
                    if (c == 'e')
                        state = 4;
                    else if (c < '0' || c > '9')
                        state = 0, ++numbers;
                    break;
                default: state = c == '-' || (c >= '0' && c <= '9') ? 1 : 0; break;
            }
        }
        u32 data = sum * 31 + numbers;
        for (i32 bit = 0; bit < 32; ++bit) {
            crc = (crc >> 1) ^ ((crc ^ data) & 1 ? 0xA001 : 0);
            data >>= 1;
        }
        text[crc & 4095] = (u8)('0' + (crc % 10));
    }
    return crc;
}
