#include "actors/metadata_node/store.hpp"

namespace troupe::metadata_node {

struct ManifestStore::Statements {
    Statement put, get, tip, from, put_evidence, trim_evidence, evidence, put_meta, get_meta;
};

namespace {

constexpr Schema schema{0x54726d64 /* Trmd */, 1, R"sql(
CREATE TABLE manifests (height INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE evidence (number INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, height INTEGER NOT NULL,
                       node INTEGER NOT NULL, why TEXT NOT NULL, ours BLOB NOT NULL, theirs BLOB NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql"};

constexpr std::string_view acknowledged_key = "acknowledged";

}  // namespace

Result<std::unique_ptr<ManifestStore>> ManifestStore::open(const std::string& path) {
    auto opened = Database::open(path, schema, {});
    if (!opened) return opened.error();
    auto database = std::make_unique<Database>(std::move(opened).value());
    auto made = std::make_unique<Statements>();
    if (auto status = database->prepare_all({
            {&made->put, "INSERT INTO manifests (height, data) VALUES (?, ?)"},
            {&made->get, "SELECT data FROM manifests WHERE height = ?"},
            {&made->tip, "SELECT height FROM manifests ORDER BY height DESC LIMIT 1"},
            {&made->from, "SELECT data FROM manifests WHERE height >= ? ORDER BY height"},
            {&made->put_evidence,
             "INSERT INTO evidence (kind, height, node, why, ours, theirs) VALUES (?, ?, ?, ?, ?, ?)"},
            {&made->trim_evidence, "DELETE FROM evidence WHERE number <= (SELECT max(number) FROM evidence) - ?"},
            {&made->evidence, "SELECT kind, height, node, why, ours, theirs FROM evidence ORDER BY number"},
            {&made->put_meta,
             "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"},
            {&made->get_meta, "SELECT value FROM meta WHERE key = ?"},
        });
        !status)
        return status.error();
    return std::unique_ptr<ManifestStore>{new ManifestStore(std::move(database), std::move(made))};
}

ManifestStore::ManifestStore(std::unique_ptr<Database> database, std::unique_ptr<Statements> statements) noexcept
    : database_(std::move(database)), statements_(std::move(statements)) {}
ManifestStore::~ManifestStore() = default;

Status ManifestStore::put(const BlockManifest& manifest) {
    return statements_->put.run(manifest.header.height, encode(manifest));
}

std::optional<BlockManifest> ManifestStore::manifest(Height height) const {
    Bytes data;
    const auto found = statements_->get.first([&](Row row) { data = row.copy(0); }, height);
    if (!found || !*found) return std::nullopt;
    auto manifest = decode<BlockManifest>(data);
    if (!manifest || manifest->header.height != height || manifest->commit.block != hash_of(manifest->header) ||
        manifest->header.application_hash != application_hash(manifest->results, manifest->receipts))
        return std::nullopt;
    return std::move(*manifest);
}

Result<std::optional<Height>> ManifestStore::tip() {
    std::optional<Height> height;
    const auto found = statements_->tip.first([&](Row row) { height = Height{row.integer(0)}; });
    if (!found) return found.error();
    return height;
}

Status ManifestStore::for_each(Height from, const std::function<bool(Bytes&&)>& visit) {
    return statements_->from.each([&](Row row) { return visit(row.copy(0)); }, from);
}

Status ManifestStore::put_evidence(const KeepEvidence& evidence) {
    auto transaction = DatabaseTransaction::begin(*database_);
    if (!transaction) return transaction.error();
    const auto ours = evidence.ours ? encode(*evidence.ours) : Bytes{};
    if (auto status =
            statements_->put_evidence.run(static_cast<std::uint64_t>(evidence.kind), evidence.theirs.header.height,
                                          evidence.from, std::string_view{evidence.why}, ours, encode(evidence.theirs));
        !status)
        return status;
    if (auto status = statements_->trim_evidence.run(std::uint64_t{evidence_max}); !status) return status;
    return transaction->commit();
}

Result<std::vector<StoredEvidence>> ManifestStore::evidence() {
    std::vector<StoredEvidence> out;
    auto status = statements_->evidence.each([&](Row row) {
        const auto why = row.bytes(3);
        out.push_back({static_cast<EvidenceKind>(row.integer(0)), Height{row.integer(1)},
                       NodeIndex{static_cast<std::uint32_t>(row.integer(2))}, std::string{why.begin(), why.end()},
                       row.copy(4), row.copy(5)});
        return true;
    });
    if (!status) return status.error();
    return out;
}

Status ManifestStore::put_acknowledged(Height height) { return statements_->put_meta.run(acknowledged_key, height); }

Result<Height> ManifestStore::acknowledged() {
    Height height;
    const auto found = statements_->get_meta.first([&](Row row) { height = Height{row.integer(0)}; }, acknowledged_key);
    if (!found) return found.error();
    return height;
}

}  // namespace troupe::metadata_node
