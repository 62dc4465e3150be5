// Kernels as a native program: prints each one's checksum and best CPU time in milliseconds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels.c"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char** argv) {
    const struct {
        const char* name;
        i64 (*run)(i64);
    } kernels[] = {{"fib", fib},     {"mix64", mix64}, {"matmul", matmul},      {"sha256", sha256},
                   {"sieve", sieve}, {"nbody", nbody}, {"qsort", qsort_kernel}, {"hashmap", hashmap},
                   {"tree", tree},   {"vm", vm},       {"mixed", mixed}};
    for (int i = 1; i + 1 < argc; i += 2)
        for (unsigned k = 0; k < sizeof kernels / sizeof *kernels; ++k) {
            if (strcmp(kernels[k].name, argv[i]) != 0) continue;
            double best = 1e300;
            i64 sum = 0;
            for (int r = 0; r < 3; ++r) {
                const double start = now_ms();
                sum = kernels[k].run(atoll(argv[i + 1]));
                const double took = now_ms() - start;
                if (took < best) best = took;
            }
            printf("%s %lld %.3f\n", argv[i], sum, best);
        }
    return 0;
}
