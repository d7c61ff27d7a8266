#include "feed/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace weft::feed {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_ = os::Fd(ends[1]);
    connection_ = *Connection::open(loop_, os::Fd(ends[0]), 100);
    connection_->start({.message =
                            [this](std::string message) {
                              messages_.push_back(std::move(message));
                              return outcome_;
                            },
                        .ended = [this](const Error& why) { ended_.push_back(why); }});
  }
  void tell(const std::string& bytes) {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    loop_.poll();
  }

  boost::asio::io_context loop_;
  os::Fd peer_;
  std::shared_ptr<Connection> connection_;
  Result<> outcome_;
  std::vector<std::string> messages_;
  std::vector<Error> ended_;
};

TEST_F(ConnectionTest, CarriesMessages) {
  tell(frame("one") + frame("two"));
  EXPECT_EQ(messages_, (std::vector<std::string>{"one", "two"}));
  connection_->send("three");
  connection_->send("four");
  loop_.poll();
  char bytes[64];
  const ssize_t count = ::recv(peer_.get(), bytes, sizeof bytes, 0);
  EXPECT_EQ(std::string_view(bytes, static_cast<size_t>(count)), frame("three") + frame("four"));
}

TEST_F(ConnectionTest, EndsOnceWhenThePeerGoes) {
  peer_.reset();
  loop_.poll();
  connection_->send("more");
  loop_.poll();
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(ConnectionTest, EndsAtGarbageAndAtWhatIsRefused) {
  tell(std::string(8, '\xff'));
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].code, base::Code::Limit);
}

TEST_F(ConnectionTest, EndsWhenAMessageIsRefused) {
  outcome_ = error(base::Code::Usage, "no");
  tell(frame("one") + frame("two"));
  EXPECT_EQ(messages_.size(), 1u);
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(ConnectionTest, APeerThatDoesNotReadIsLetGo) {
  const std::string megabyte(1 << 20, 'x');
  for (size_t queued = megabyte.size(); queued < Connection::kMostQueued; queued += megabyte.size()) {
    connection_->send(megabyte);
    loop_.poll();
    EXPECT_TRUE(ended_.empty());
  }
  connection_->send(megabyte);
  loop_.poll();
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].code, base::Code::Limit);
}

TEST_F(ConnectionTest, WhatIsBoundedByItselfDoesNotCount) {
  const std::string megabyte(1 << 20, 'x');
  for (size_t sent = 0; sent < 2 * Connection::kMostQueued; sent += megabyte.size()) {
    connection_->send_whatever_it_takes(megabyte);
  }
  loop_.poll();
  EXPECT_TRUE(ended_.empty());
  connection_->close();
  loop_.poll();
  EXPECT_TRUE(ended_.empty());
}

}  // namespace
}  // namespace weft::feed
