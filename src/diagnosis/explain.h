// What this machine holds because of an object, a line each: namespaces, devices,
// slots and entries of the data path's maps. Nothing: the object leaves no trace here.
#pragma once

#include <string>
#include <vector>

#include "datapath/datapath.h"
#include "model/state.h"

namespace weft::diagnosis {

std::vector<std::string> held_for(const model::State& state, const datapath::Datapath& datapath,
                                  const datapath::Names& names, const model::MachineId& self, const model::AnyId& id);

}  // namespace weft::diagnosis
