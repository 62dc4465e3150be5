// Ctrl-C while a cluster is being changed.
#pragma once

namespace troupe::cli {

/// From now on SIGINT ends this program with a line that says what becomes of the nodes, which are processes of their
/// own, and of what was begun.
void explain_interruption();

}  // namespace troupe::cli
