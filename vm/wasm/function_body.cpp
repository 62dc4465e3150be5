#include <system_error>
#include <thread>

#include "vm/dmir/dead_code.hpp"
#include "vm/dmir/place_charges.hpp"
#include "vm/wasm/body_reader.hpp"

namespace troupe::wasm {

template <bool Build>
void BodyReader<Build>::run(std::uint32_t function, std::conditional_t<Build, const BodyFrames, BodyFacts>& of_body) {
    const auto& body = module_.functions[function];
    if constexpr (Build)
        body_frames_ = &of_body;
    else
        facts_ = &of_body;
    type_ = &module_.types[body.type_index];
    reader_ = Reader(module_.bytes, body.body_offset, body.body_offset + body.body_size);
    frames_.clear();
    next_frame_ = 0;
    joins_ = 0;
    local_units_ = 0;
    vectors_ = 0;
    operand_units_max_ = 0;
    operands_.top = operands_.begin;
    declare_locals();
    if (!reader_.ok()) return;
    if constexpr (Build) start_function();
    push_frame(FrameKind::function, {}, type_->results);
    if constexpr (Build) frames_.back().built = true;
    while (reader_.ok() && !frames_.empty()) {
        skim();
        instruction();
    }
    if (!reader_.ok()) return;
    if (!reader_.at_end()) reader_.fail(malformed, "section size mismatch: bytes after the body's end");
    if constexpr (!Build) {
        facts_->stack_units = call_stack_units + local_units_ + operand_units_max_;
        facts_->joins = joins_;
    }
}

template <bool Build>
void BodyReader<Build>::declare_locals() {
    locals_.clear();
    for (auto type : type_->parameters) add_locals(1, type);
    const auto groups = reader_.u32();
    std::uint64_t total = locals_.size();
    for (std::uint32_t g = 0; g < groups && reader_.ok(); ++g) {
        const auto n = reader_.u32();
        total += n;
        if (total > 0xFFFFFFFF) return reader_.fail(malformed, "too many locals");
        const auto type = read_value_type(reader_, limits_);
        if (!reader_.ok()) return;
        if (total > limits_.locals)
            return reader_.fail(too_large, fmt::format("{} locals; the limit is {}", total, limits_.locals));
        add_locals(n, type);
    }
    if constexpr (!Build) {
        assigned_.reset(locals_.size());
        spend(locals_.size());
        for (std::size_t i = 0; i < quick_locals; ++i)
            quick_locals_[i] = i < locals_.size() && locals_[i] != ValueType::v128 ? locals_[i] : OperandType();
    }
}

/// Gets, sets or tees one.
template <bool Build>
void BodyReader<Build>::local(std::uint16_t opcode) {
    charge(fuel::local);
    const auto index = local_index();
    if (!reader_.ok()) return;
    if (opcode == 0x20) return push(locals_[index], live() ? local_values_[index] : no_value);
    const auto operand = pop(locals_[index]);
    assign(index, operand.value);
    if (opcode == 0x22) push(locals_[index], operand.value);
}

template <bool Build>
void BodyReader<Build>::instruction() {
    start_ = reader_.position();
    std::uint16_t opcode = reader_.byte();
    if (opcode >= 0x20 && opcode <= 0x22) return local(opcode);
    if (opcode == 0xFC || opcode == 0xFD) {
        const auto sub = reader_.u32();
        if (!reader_.ok()) return;
        if (opcode == 0xFD) {
            note_simd();
            if (!limits_.simd)
                return reader_.fail_at(start_, unsupported, "fixed-width SIMD is switched off by the profile");
            if (sub >= 0x100 && sub < 0x130)
                return reader_.fail_at(start_, unsupported,
                                       "the relaxed SIMD proposal is nondeterministic and not done here");
        }
        if (sub > 0xFF) return reader_.fail_at(start_, malformed, "illegal opcode");
        opcode = static_cast<std::uint16_t>(opcode << 8 | sub);
    }
    const auto op = dmir::op_from_wasm(opcode);
    if (op) {
        const auto& facts = dmir::info(*op);
        if (facts.kind != OpKind::special) {
            charge(facts.fuel);
            return simple(*op, facts);
        }
        charge(facts.fuel);
        return special(*op);
    }
    control(opcode);
}

BodyValidator::BodyValidator(const Module& module, const Limits& limits)
    : module_(module), reader_(std::make_unique<BodyReader<false>>(module, limits)) {}
BodyValidator::~BodyValidator() = default;

Result<BodyFacts> BodyValidator::run(std::uint32_t function) {
    BodyFacts facts;
    reader_->run(function, facts);
    if (reader_->reader().ok()) return facts;
    auto error = reader_->reader().error();
    error.message += fmt::format(" (function {})", module_.imported_functions + function);
    return error;
}

std::optional<Error> validate_bodies(Module& module, std::uint32_t count, const Limits& limits) {
    struct Share {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::uint64_t joins = 0;
        bool uses_simd = false;
        std::optional<Error> error;
    };
    // Less is done before a thread has begun.
    constexpr std::uint64_t share_bytes_min = 128 << 10;
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < count; ++i) bytes += module.functions[i].body_size;
    const auto threads_max = std::min(limits.threads, std::max(1U, std::thread::hardware_concurrency()));
    const auto share_count = std::clamp<std::uint64_t>(bytes / share_bytes_min, 1, std::max(1U, threads_max));
    std::vector<Share> shares;
    std::uint64_t taken = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (taken >= shares.size() * bytes / share_count) shares.push_back({i, i, 0, false, std::nullopt});
        shares.back().last = i + 1;
        taken += module.functions[i].body_size;
    }
    const auto validate = [&](Share& share) {
        BodyValidator validator(module, limits);
        for (auto i = share.first; i < share.last; ++i) {
            const auto facts = validator.run(i);
            if (!facts) {
                share.error = facts.error();
                return;
            }
            module.functions[i].stack_units = facts->stack_units;
            share.joins += facts->joins;
            share.uses_simd |= facts->uses_simd;
        }
    };
    std::vector<std::jthread> threads;
    for (std::size_t k = 1; k < shares.size(); ++k) {
        try {
            threads.emplace_back([&, k] { validate(shares[k]); });
        } catch (const std::system_error&) {
            // The system has no thread to spare.
            validate(shares[k]);
        }
    }
    if (!shares.empty()) validate(shares[0]);
    threads.clear();
    std::uint64_t joins = 0;
    for (auto& share : shares) {
        if (share.error) return std::move(share.error);
        joins += share.joins;
        module.uses_simd |= share.uses_simd;
    }
    if (joins <= limits.module_joins + limits.module_joins_per_byte * bytes) return std::nullopt;
    return make_error(ErrorCode::too_large, "module too complex: too many values meet at its functions' joins");
}

Result<dmir::Function> lower(const Module& module, std::uint32_t index, const Limits& limits) {
    const auto frames = find_frames(module, index);
    BodyReader<true> reader(module, limits);
    reader.run(index, frames);
    if (!reader.reader().ok()) return reader.reader().error();
    auto function = std::move(reader.builder.function);
    function.name = std::to_string(module.imported_functions + index);
    function.stack_units = module.functions[index].stack_units;
    function.blocks[0].fuel += fuel::entry;
    dmir::remove_dead_code(function);
    dmir::place_checks(function);
    dmir::place_charges(function);
    return function;
}

}  // namespace troupe::wasm
