// The page's files, embedded at build time (cmake/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace troupe {

struct EmbeddedFile {
    std::string_view path;
    std::string_view content_type;
    std::string_view content;
};

[[nodiscard]] std::span<const EmbeddedFile> page_files();

}  // namespace troupe
