// Loops of many shapes: each function takes a size and returns a number that all of its work went into. Calls go over
// to optimized code in the middle of them.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define LOOP(name) __attribute__((export_name(#name))) u32 name(u32 n)
#define APART __attribute__((noinline))

static volatile u32 words[256];
static double floats[16][16];

LOOP(single) {
    u32 sum = 1;
    for (u32 i = 0; i < n; ++i) sum = sum * 31 + (i ^ sum >> 7);
    return sum;
}

LOOP(nest) {
    u32 sum = 0;
    for (u32 i = 0; i < n; ++i) {
        u32 row = i * i;
        for (u32 j = 0; j < i + 1; ++j) {
            u32 cell = row ^ j;
            for (u32 k = 0; k < 3; ++k) sum += (cell + k) * (sum | 1);
            words[(row + j) & 255] += sum;
        }
        sum ^= row;
    }
    return sum;
}

LOOP(left_early) {
    u32 sum = 0;
    for (u32 i = 0; i < n; ++i) {
        for (u32 j = 0;; ++j) {
            sum += j * i;
            if ((sum & 31) == 7) goto next;
            if (j > 20) break;
            if ((sum & 1023) == 1000) return sum + i;
        }
        sum += 5;
    next:
        words[i & 255] = sum;
    }
    return sum;
}

LOOP(one_after_another) {
    u32 a = 3;
    u32 b = 5;
    for (u32 i = 0; i < n; ++i) a = a * 5 + b;
    for (u32 i = 0; i < n; ++i) b ^= a + (b << 3);
    for (u32 i = n; i > 0; --i) a += b / i;
    return a ^ b;
}

LOOP(table) {
    static const u8 code[] = {0, 1, 2, 3, 0, 6, 2, 1, 4, 3, 0, 1, 5};
    u32 a = 1;
    u32 b = 2;
    u32 at = 0;
    for (u32 i = 0; i < n; ++i) {
        switch (code[at++]) {
            case 0: a += b; break;
            case 1: b ^= a << 3; break;
            case 2: a = a * 5 + 1; break;
            case 3: b -= a >> 2; break;
            case 4: words[a & 255] = b; break;
            case 5: at = 0; break;
            default: a ^= words[b & 255]; break;
        }
    }
    return a ^ b;
}

LOOP(floating) {
    double sum = 0;
    float small = 1;
    for (u32 i = 0; i < n; ++i) {
        for (u32 j = 0; j < 16; ++j) {
            double* cell = &floats[i & 15][j];
            *cell = __builtin_sqrt(*cell * 1.5 + j) - small / 3;
            sum += *cell * i;
        }
        small = (float)sum + 1;
    }
    return (u32)(u64)__builtin_fabs(sum);
}

static APART u32 helped(u32 x, u64 y, double z) { return (x ^ (u32)(y >> 3)) + (u32)(int)z; }
LOOP(calling) {
    u32 sum = 0;
    double z = 1;
    for (u32 i = 0; i < n; ++i) {
        sum += helped(sum, (u64)sum * i, z);
        z = z * 1.25 > 1000 ? 1 : z * 1.25;
    }
    return sum;
}

static APART u32 twice(u32 x) { return x * 2; }
static APART u32 add_three(u32 x) { return x + 3; }
static u32 (*volatile functions[2])(u32) = {twice, add_three};
LOOP(calling_indirectly) {
    u32 sum = 1;
    for (u32 i = 0; i < n; ++i) sum = functions[(sum ^ i) & 1](sum);
    return sum;
}

/// Each call has a loop, and calls itself from it.
LOOP(recursive) {
    u32 sum = n;
    for (u32 i = 0; i + 1 < n && i < 3; ++i) sum = sum * 7 + recursive(n - 1 - i);
    return sum;
}

LOOP(endless_recursion) {
    for (u32 i = 0; i < n; ++i) n ^= endless_recursion(n + i) + words[n & 255];
    return n;
}

LOOP(many_values) {
    u32 v[24];
    for (u32 k = 0; k < 24; ++k) v[k] = n + k;
    for (u32 i = 0; i < n; ++i) {
#pragma clang loop unroll(full)
        for (u32 k = 0; k < 24; ++k) v[k] = v[k] * 3 + v[(k + 7) % 24];
        if ((v[0] & 15) == 3)
            for (u32 j = 0; j < (v[1] & 7); ++j) v[2] ^= v[j & 3] + j;
    }
    u32 sum = 0;
#pragma clang loop unroll(full)
    for (u32 k = 0; k < 24; ++k) sum = sum * 31 + v[k];
    return sum;
}

/// Divides by zero in the end.
LOOP(dividing) {
    u32 sum = 0;
    for (u32 i = n;; --i) {
        sum += 1000 / i;
        words[i & 255] = sum;
    }
}

/// Writes beyond the memory in the end.
LOOP(writing_out) {
    u32 sum = 0;
    for (u32 i = 0;; ++i) {
        sum += i;
        *(volatile u32*)(words + 64 + (u64)i * (40000 / (n + 1))) = sum;
    }
}

LOOP(giving_up) {
    for (u32 i = 0;; ++i) {
        if (i == n) __builtin_trap();
        words[i & 255] += i;
    }
}
