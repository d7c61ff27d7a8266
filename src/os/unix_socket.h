// Stream sockets that have a path, and names that one process at a time has.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace weft::os {

// Listens at the path; takes it over from a process that is gone. Conflict if one
// answers there, or if it is something else. The socket doesn't block.
Result<Fd> listen_unix(const std::string& path, mode_t mode);

// Unavailable: nobody listens there, or no more connections are taken now. The
// socket doesn't block.
Result<Fd> connect_unix(const std::string& path);

// The process at the other end of a connection: for the one who connected, who listens.
Result<ucred> peer_of(int socket);
// Denied unless it is root's, or of our own user.
Result<> check_peer(int socket);

// Ours until it is closed, in the network namespace that we are in; Conflict if
// somebody has it. No file is made.
Result<Fd> claim_name(const std::string& name);

}  // namespace weft::os
