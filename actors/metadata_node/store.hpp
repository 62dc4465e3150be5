// The metadata node's database: manifests by height, evidence, how far the arbiter is.
#pragma once

#include <functional>

#include "actors/metadata_node/core.hpp"
#include "persistence/database.hpp"

namespace troupe::metadata_node {

/// A piece of evidence as it is kept.
struct StoredEvidence {
    EvidenceKind kind{};
    Height height;
    NodeIndex from;
    std::string why;
    /// Canonical BlockManifests; `ours` is empty where there is none.
    Bytes ours;
    Bytes theirs;
};

class ManifestStore final : public ManifestSource {
public:
    /// Pieces of evidence kept; the oldest leave.
    static constexpr std::size_t evidence_max = 1000;

    [[nodiscard]] static Result<std::unique_ptr<ManifestStore>> open(const std::string& path);
    ~ManifestStore() override;

    Status put(const BlockManifest& manifest);
    /// Nothing too if the row is damaged: not what its header says, or another height's.
    [[nodiscard]] std::optional<BlockManifest> manifest(Height height) const override;
    [[nodiscard]] Result<std::optional<Height>> tip();
    /// Encoded manifests in ascending order from `from`, until `visit` gives false.
    Status for_each(Height from, const std::function<bool(Bytes&&)>& visit);

    Status put_evidence(const KeepEvidence& evidence);
    [[nodiscard]] Result<std::vector<StoredEvidence>> evidence();

    Status put_acknowledged(Height height);
    [[nodiscard]] Result<Height> acknowledged();

private:
    struct Statements;
    ManifestStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept;

    std::unique_ptr<Database> database_;
    std::unique_ptr<Statements> statements_;
};

}  // namespace troupe::metadata_node
