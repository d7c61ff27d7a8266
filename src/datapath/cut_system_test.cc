// Flows that the rules no longer allow: not one more byte passes, and their ends are
// told.
#include <chrono>

#include "datapath/rig.h"
#include "os/conversation.h"

namespace weft::datapath {
namespace {

class Cut : public DatapathTest {
 protected:
  // Two TNIs, and the one rule by which the first may call the second.
  void SetUp() override {
    DatapathTest::SetUp();
    caller_ = workload("caller", "10.0.1.10", default_group_);
    called_ = workload("called", "10.0.1.11", default_group_);
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V6));
    calls_ = allow(default_group_, Direction::In, "all", default_group_);
  }
  os::Conversation converse(int type, const model::TniId& client, const model::TniId& server, const Address& at) {
    auto made = os::Conversation::start(type, netns_of(client), {at, 7000}, netns_of(server), {at, 7000});
    EXPECT_TRUE(made.ok()) << made.error().what;
    return made.ok() ? std::move(*made) : os::Conversation();
  }
  void cut() { run({.operations = {model::Remove{calls_}}}); }
  void join() {
    apply({model::Rule{.id = calls_,
                       .group = default_group_,
                       .direction = Direction::In,
                       .traffic = *model::Traffic::parse("all"),
                       .peer = default_group_}});
  }

  model::TniId caller_, called_;
  model::RuleId calls_;
  const std::vector<Address> both_families_ = {*Address::parse("10.0.1.11"), *Address::parse("fd12:3456:789a:1::11")};
};

// Whoever speaks first is told by that packet, the other end by its copy.
TEST_F(Cut, BothEndsOfAConnectionThatIsCutAreReset) {
  for (const Address& at : both_families_) {
    for (const bool client_speaks : {true, false}) {
      const auto talk = converse(SOCK_STREAM, caller_, called_, at);
      cut();
      const os::Fd& first = client_speaks ? talk.client : talk.server;
      const os::Fd& second = client_speaks ? talk.server : talk.client;
      EXPECT_TRUE(os::Conversation::say(first));
      EXPECT_EQ(os::Conversation::told(first), ECONNRESET) << at.text() << client_speaks;
      EXPECT_EQ(os::Conversation::told(second), ECONNRESET) << at.text() << client_speaks;
      join();
    }
  }
}

TEST_F(Cut, ABulkTransferThatIsCutIsResetAtBothEnds) {
  for (const Address& at : both_families_) {
    const auto talk = converse(SOCK_STREAM, caller_, called_, at);
    std::vector<char> much(1 << 20);
    const auto push = [&] { return send(talk.client.get(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT); };
    const auto take = [&] { return recv(talk.server.get(), much.data(), much.size(), MSG_DONTWAIT); };
    EXPECT_GT(push(), 0);
    cut();
    // Both go on, each until it is told: a receiver that has window enough says nothing by itself.
    int sender = 0, receiver = 0;
    const auto go_on = [](int& told, const auto& step) {
      if (told == 0 && step() < 0 && errno != EAGAIN) told = errno;
    };
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while ((sender == 0 || receiver == 0) && std::chrono::steady_clock::now() < patience) {
      go_on(sender, push);
      go_on(receiver, take);
    }
    EXPECT_EQ(sender, ECONNRESET) << at.text();
    EXPECT_EQ(receiver, ECONNRESET) << at.text();
    join();
  }
}

TEST_F(Cut, OtherwiseWhoSendsIsToldThatItIsProhibited) {
  for (const Address& at : both_families_) {
    const int prohibited = at.is_v4() ? EHOSTUNREACH : EACCES;
    const auto talk = converse(SOCK_DGRAM, caller_, called_, at);
    cut();
    for (const auto& end : {std::cref(talk.client), std::cref(talk.server)}) {
      EXPECT_TRUE(os::Conversation::say(end));
      EXPECT_EQ(os::Conversation::told(end), prohibited) << at.text();
    }
    EXPECT_FALSE(os::Conversation::heard(talk.server, 200));
    // What is allowed again goes on at once.
    join();
    EXPECT_TRUE(os::Conversation::say(talk.client));
    EXPECT_TRUE(os::Conversation::heard(talk.server));
  }
}

}  // namespace
}  // namespace weft::datapath
