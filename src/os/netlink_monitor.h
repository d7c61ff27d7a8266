// Says that something changed in a namespace, so that an event loop reads it
// anew; what it was, only the reading tells.
#pragma once

#include <set>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// In place of a link's index, where filters of a block changed that links share.
inline constexpr int kBlockOfLinks = -1;  // TCM_IFINDEX_MAGIC_BLOCK

struct Changes {
  // Of the monitor's own namespace.
  bool links = false;
  bool addresses = false;
  bool routes = false;
  bool rules = false;
  bool filters = false;
  std::set<int> devices;  // indexes of links that changed, or whose filters did; kBlockOfLinks
  std::set<int> others;   // other namespaces in which something changed: Link::peer_netns
  // Notices were dropped: all above may have changed, any device, any namespace.
  enum class Notices { Whole, Lost } notices = Notices::Whole;
  bool any() const { return links || addresses || routes || rules || filters || !others.empty(); }
};

class Monitor {
 public:
  // Of the namespace that the calling thread is in; see Netlink about its life.
  static Result<Monitor> open();
  static Result<Monitor> open_in(const Fd& netns);

  // Whether to tell also of all namespaces to which a link of that one leads. Each
  // notice in any namespace of the machine then costs the kernel a walk over those.
  enum class Around { No, Yes };
  Result<> listen_around(Around around);

  int fd() const { return socket_.get(); }  // readable when drain() has something to say

  // What changed since the last call; never blocks. A flood may leave some for
  // the next call. All of it if the kernel dropped notices: then nobody knows.
  Result<Changes> drain();

 private:
  explicit Monitor(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
  // After the kernel has dropped one notice it drops all, and says no more, until
  // the last of those before was taken.
  Changes::Notices notices_ = Changes::Notices::Whole;
};

}  // namespace weft::os
