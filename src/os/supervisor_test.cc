#include "os/supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "os/fd.h"

namespace weft::os {
namespace {

class Supervisor : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weft-supervisor-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    socket_ = Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    std::filesystem::remove_all(folder_);
  }
  std::string heard() {
    char text[64];
    const ssize_t size = recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

  std::string folder_, path_;
  Fd socket_;
};

TEST_F(Supervisor, IsTold) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  ASSERT_TRUE(tell_supervisor("READY=1").ok());
  EXPECT_EQ(heard(), "READY=1");
}

TEST_F(Supervisor, IsNotThere) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(tell_supervisor("READY=1").ok());
  EXPECT_EQ(heard(), "");
}

TEST_F(Supervisor, CantBeReached) {
  setenv("NOTIFY_SOCKET", (path_ + "-other").c_str(), 1);
  EXPECT_FALSE(tell_supervisor("READY=1").ok());
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_FALSE(tell_supervisor("READY=1").ok());
}

}  // namespace
}  // namespace weft::os
