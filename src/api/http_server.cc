#include "api/http_server.h"

#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <set>

#include "api/http_session.h"
#include "os/unix_socket.h"

namespace weft::api {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using base::Code;

namespace {

// After a failed accept (no descriptor is left): the socket stays readable, and
// trying again at once would only spin.
constexpr std::chrono::milliseconds kAcceptPause{100};

class UnixServer : public Server {
 public:
  UnixServer(asio::io_context& loop, Dispatch& dispatch, ServerOptions options)
      : acceptor_(loop), pause_(loop), dispatch_(dispatch), options_(std::move(options)) {}
  ~UnixServer() override;

  Result<> open();
  size_t connections() const override { return sessions_.size(); }

 private:
  void accept();
  void take(stream_protocol::socket socket);

  stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  Dispatch& dispatch_;
  const ServerOptions options_;
  std::set<std::shared_ptr<Session>> sessions_;
  // Outlives the server in handlers that are still under way.
  std::shared_ptr<UnixServer*> self_ = std::make_shared<UnixServer*>(this);
};

// One line for whom is not served; it fits into any socket's buffer.
void tell_and_close(stream_protocol::socket& socket, const Error& error) {
  const std::string text = http_error(error, Connection::Close);
  ::send(socket.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

UnixServer::~UnixServer() {
  *self_ = nullptr;
  boost::system::error_code ignored;
  if (acceptor_.is_open()) ::unlink(options_.path.c_str());
  acceptor_.close(ignored);
  pause_.cancel();
  const auto sessions = std::move(sessions_);
  sessions_.clear();
  for (const auto& session : sessions) session->close();
}

Result<> UnixServer::open() {
  os::Fd socket = TRY(os::listen_unix(options_.path, options_.mode));
  boost::system::error_code fault;
  acceptor_.assign(stream_protocol(), socket.get(), fault);
  if (fault) return error(Code::Failed, "listen at {}: {}", options_.path, fault.message());
  socket.release();
  accept();
  return {};
}

void UnixServer::accept() {
  acceptor_.async_accept([self = self_](const boost::system::error_code& fault, stream_protocol::socket socket) {
    UnixServer* const server = *self;
    if (server == nullptr || fault == asio::error::operation_aborted) return;
    if (!fault) {
      server->take(std::move(socket));
      return server->accept();
    }
    server->pause_.expires_after(kAcceptPause);
    server->pause_.async_wait([self](const boost::system::error_code& cancelled) {
      if (!cancelled && *self != nullptr) (*self)->accept();
    });
  });
}

void UnixServer::take(stream_protocol::socket socket) {
  const auto credentials = credentials_of(socket.native_handle());
  if (!credentials.ok()) return tell_and_close(socket, credentials.error());
  const ServerLimits& limits = options_.limits;
  const size_t most = credentials->user == 0 ? limits.connections : limits.for_others;
  if (sessions_.size() >= most) {
    return tell_and_close(socket, error(Code::Unavailable, "{} connections are open, the most there may be", most));
  }
  Caller caller{.role = options_.roles.role_of(*credentials), .actor = fmt::format("uid:{}", credentials->user)};
  if (caller.role == Role::None) {
    return tell_and_close(socket,
                          error(Code::Denied, "{} has no role here; root and the group weft have one", caller.actor));
  }
  const auto speaks = options_.forwarder == credentials->user ? Speaks::ForOthers : Speaks::ForItself;
  const auto gone = [self = self_](Session* session) {
    if (*self == nullptr) return;
    std::erase_if((*self)->sessions_, [session](const auto& held) { return held.get() == session; });
  };
  const auto session =
      std::make_shared<Session>(std::move(socket), dispatch_, options_, std::move(caller), speaks, gone);
  sessions_.insert(session);
  session->start();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& loop, Dispatch& dispatch, ServerOptions options) {
  auto server = std::make_unique<UnixServer>(loop, dispatch, std::move(options));
  TRY_VOID(server->open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace weft::api
