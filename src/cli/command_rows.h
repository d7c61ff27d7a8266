// The rows of the table, one function for each family of nouns.
#pragma once

#include <vector>

#include "cli/commands.h"

namespace weft::cli {

std::vector<Command> vpc_rows();
std::vector<Command> subnet_rows();
std::vector<Command> table_rows();
std::vector<Command> route_rows();
std::vector<Command> gateway_rows();
std::vector<Command> acl_rows();
std::vector<Command> group_rows();
std::vector<Command> prefix_list_rows();
std::vector<Command> tni_rows();
std::vector<Command> workload_rows();
std::vector<Command> workload_life_rows();
std::vector<Command> file_rows();
std::vector<Command> diagnosis_rows();
std::vector<Command> program_rows();

// Of what prints items as they come.
Flag follow_flag();

}  // namespace weft::cli
