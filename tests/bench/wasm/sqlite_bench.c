// SQLite in memory: a table, an index, and queries over them; gives a number that all rows went into.
#include <stdint.h>
#include <stdio.h>

#include "sqlite3.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name)
#endif

/// SQLite opens nothing without a file system, though a database in memory never uses it.
static int no_open(sqlite3_vfs* v, const char* name, sqlite3_file* file, int flags, int* out) {
    (void)v, (void)name, (void)file, (void)flags, (void)out;
    return SQLITE_CANTOPEN;
}
static int no_path(sqlite3_vfs* v, const char* name, int size, char* out) {
    (void)v;
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}
static int no_randomness(sqlite3_vfs* v, int size, char* out) {
    (void)v;
    for (int i = 0; i < size; ++i) out[i] = (char)i;
    return size;
}
static int no_time(sqlite3_vfs* v, double* out) {
    (void)v;
    *out = 2451545;
    return SQLITE_OK;
}
static sqlite3_vfs nothing = {.iVersion = 1,
                              .szOsFile = sizeof(sqlite3_file),
                              .mxPathname = 64,
                              .zName = "nothing",
                              .xOpen = no_open,
                              .xFullPathname = no_path,
                              .xRandomness = no_randomness,
                              .xCurrentTime = no_time};

int sqlite3_os_init(void) { return sqlite3_vfs_register(&nothing, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

static char heap[24 << 20];

static int64_t number(sqlite3* db, const char* text) {
    sqlite3_stmt* s = 0;
    if (sqlite3_prepare_v2(db, text, -1, &s, 0) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) return -1;
    const int64_t out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return out;
}

EXPORT(first) int64_t first(int64_t unused) {
    (void)unused;
    sqlite3* db = 0;
    sqlite3_config(SQLITE_CONFIG_HEAP, heap, sizeof heap, 32);
    if (sqlite3_initialize() != SQLITE_OK || sqlite3_open(":memory:", &db) != SQLITE_OK) return -2;
    const int64_t out = number(db, "select 6 * 7");
    sqlite3_close(db);
    return out;
}

EXPORT(sqlite) int64_t sqlite(int64_t rows) {
    sqlite3* db = 0;
    sqlite3_config(SQLITE_CONFIG_HEAP, heap, sizeof heap, 32);
    if (sqlite3_initialize() != SQLITE_OK || sqlite3_open(":memory:", &db) != SQLITE_OK) return -2;
    sqlite3_exec(db, "create table t (id integer primary key, a integer, b text); begin", 0, 0, 0);
    sqlite3_stmt* s = 0;
    if (sqlite3_prepare_v2(db, "insert into t (a, b) values (?, ?)", -1, &s, 0) != SQLITE_OK) return -3;
    uint64_t state = 1;
    for (int64_t i = 0; i < rows; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        char text[24];
        const int size = sqlite3_snprintf(sizeof text, text, "row %llx", state >> 32) ? 12 : 0;
        sqlite3_bind_int64(s, 1, (int64_t)(state >> 40));
        sqlite3_bind_text(s, 2, text, size, SQLITE_TRANSIENT);
        if (sqlite3_step(s) != SQLITE_DONE) return -4;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    sqlite3_exec(db, "commit; create index ti on t (a)", 0, 0, 0);
    int64_t out = number(db, "select sum(a * (id % 7)) from t where a between 100000 and 9000000");
    out += number(db, "select count(*) from t x join t y on x.a = y.a where x.id % 3 = 0");
    out += number(db, "select sum(length(b) + unicode(substr(b, 6))) from t where b like '%f%'");
    out += number(db, "select count(distinct a % 1000) from t group by id % 10 order by 1 desc");
    sqlite3_close(db);
    return out;
}

#ifndef __wasm__
#include <time.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/// As wasm_bench: name, result, best of three in milliseconds.
int main(void) {
    double best = 1e300;
    int64_t result = 0;
    for (int i = 0; i < 3; ++i) {
        const double start = now_ms();
        result = sqlite(ROWS);
        if (now_ms() - start < best) best = now_ms() - start;
    }
    printf("sqlite %lld %.3f\n", (long long)result, best);
}
#endif
