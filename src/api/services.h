// The services, each adding its methods to the table.
#pragma once

#include "api/dispatch.h"

namespace weft::api {

void add_networks(Dispatch& dispatch);
void add_borders(Dispatch& dispatch);
void add_groups(Dispatch& dispatch);
void add_tnis(Dispatch& dispatch);
void add_workloads(Dispatch& dispatch);
void add_files(Dispatch& dispatch);
void add_diagnosis(Dispatch& dispatch);

}  // namespace weft::api
