// What latencies are measured on: a call of nothing, calls out of the module, and a write to memory over an image.
__attribute__((import_module("host"), import_name("nop"))) void nop(void);

static volatile int data[16] = {1, 2, 3};

__attribute__((export_name("empty"))) void empty(void) {}
__attribute__((export_name("imports"))) void imports(int n) {
    do nop();
    while (--n);
}
__attribute__((export_name("write"))) void write(void) { data[1] += data[0]; }
/// As bytes to the first result.
__attribute__((export_name("first"))) long long first(long long n) {
    long long out = 0;
    for (long long i = 0; i < n; ++i) out += i ^ data[i & 15];
    return out;
}
