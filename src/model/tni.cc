#include "model/tni.h"

namespace weft::model {

std::vector<net::Address> Tni::addresses() const {
  std::vector<net::Address> all{ip};
  all.insert(all.end(), secondary.begin(), secondary.end());
  if (ip6) all.push_back(*ip6);
  return all;
}

}  // namespace weft::model
