// One published suite as a test: every case must pass, and there must be as many as the suite is known to have.
#pragma once

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cstdio>
#include <thread>

#include <doctest/doctest.h>

#include "tests/conformance/data.hpp"
#include "vm/conformance/suite.hpp"

namespace troupe::conformance {

/// `folder` such as "ethereum/RLPTests"; says so on stderr if it is absent.
inline void check_suite(SuiteKind kind, const std::string& folder, std::size_t cases_least) {
    const auto path = find_suite(folder);
    if (!path) return;
    Options options;
    options.jobs = std::max(1u, std::thread::hardware_concurrency());
    const auto report = run_suite(kind, std::span{&*path, 1}, options);
    REQUIRE_MESSAGE(report.ok(), report.error().message);
    for (const auto& error : report->errors) FAIL_CHECK(error);
    for (const auto& [file, test, differences] : report->failures)
        for (const auto& [what, expected, got] : differences)
            FAIL_CHECK(file << ": " << test << ": " << what << ": expected " << expected << ", got " << got);
    CHECK(report->passed >= cases_least);
    std::printf("%s: %zu passed, %zu failed, %zu skipped\n", folder.c_str(), report->passed, report->failed,
                report->skipped);
}

}  // namespace troupe::conformance
