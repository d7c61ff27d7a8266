// The whole data path on real namespaces: what the groups allow passes, nothing
// else does.
#include <gtest/gtest.h>

#include <chrono>

#include "base/rng.h"
#include "datapath/datapath.h"
#include "os/bpffs.h"
#include "os/clock.h"
#include "os/conversation.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::datapath {
namespace {

using model::Direction;
using net::Address;
using net::Prefix;

class DatapathTest : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    const auto mounted = os::mount_bpffs("/run/bpf");
    ASSERT_TRUE(mounted.ok()) << mounted.error().what;
    open();
    apply({model::Group{.id = default_group_, .name = "default", .vpc = vpc_},
           model::Vpc{.id = vpc_,
                      .name = "v",
                      .cidrs = {*Prefix::parse("10.0.0.0/16")},
                      .cidr6 = *Prefix::parse("fd12:3456:789a::/56"),
                      .default_group = default_group_},
           model::Subnet{.id = subnet_,
                         .name = "s",
                         .vpc = vpc_,
                         .cidr = *Prefix::parse("10.0.1.0/24"),
                         .cidr6 = *Prefix::parse("fd12:3456:789a:1::/64")},
           model::Machine{.id = machine_, .name = "m"}});
  }
  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(Datapath::remove_all(options()).ok());
    EXPECT_TRUE(os::unmount_bpffs("/run/bpf").ok());
  }

  Datapath::Options options() { return {.names = {}, .pins = "/run/bpf/weft", .self = machine_, .most_flows = 4096}; }
  void open() {
    auto opened = Datapath::open(options());
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    datapath_ = std::move(*opened);
  }
  template <class Id>
  Id id() {
    return Id::make(rng_);
  }

  void run(model::Command command) {
    auto changes = state_.apply(command);
    ASSERT_TRUE(changes.ok()) << changes.error().what;
    datapath_->update(state_, *changes, {os::now_wall(), os::now_boot()});
    for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
  }
  void apply(std::vector<model::Object> objects) {
    model::Command command;
    for (auto& object : objects) command.operations.emplace_back(model::Put{std::move(object)});
    run(std::move(command));
  }
  model::TniId workload(const std::string& name, const std::string& ip, model::GroupId group) {
    const auto w = id<model::WorkloadId>();
    const auto t = id<model::TniId>();
    const Address address = *Address::parse(ip);
    const auto last = static_cast<uint8_t>(address.v4_host_order());
    apply({model::Workload{.id = w, .name = name, .machine = machine_, .kind = model::WorkloadKind::External},
           model::Tni{.id = t,
                      .name = name,
                      .vpc = vpc_,
                      .subnet = subnet_,
                      .mac = {{2, 0, 0, 0, 1, last}},
                      .ip = address,
                      .ip6 = *Address::parse("fd12:3456:789a:1::" + std::to_string(last)),
                      .groups = {group},
                      .machine = machine_,
                      .workload = w}});
    return t;
  }
  int in(const model::TniId& tni, std::vector<std::string> argv) {
    const auto netns = os::open_netns(Names{}.netns_of(state_.get(tni).workload));
    EXPECT_TRUE(netns.ok());
    const auto done =
        os::run_program({.argv = std::move(argv), .netns = &*netns}, {.deadline = std::chrono::seconds(20)});
    if (!done.ok()) return -1;
    return done->status;
  }
  bool pings(const model::TniId& from, const std::string& to) { return in(from, {"ping", "-c1", "-W1", to}) == 0; }
  os::Fd netns_of(const model::TniId& tni) {
    return *os::open_netns(Names{}.netns_of(state_.get(tni).workload));
  }
  os::Conversation converse(int type, const model::TniId& client, const model::TniId& server, const Address& at) {
    auto made = os::Conversation::start(type, netns_of(client), {at, 7000}, netns_of(server), {at, 7000});
    EXPECT_TRUE(made.ok()) << made.error().what;
    return made.ok() ? std::move(*made) : os::Conversation();
  }
  // Two TNIs, and the one rule by which the first may call the second.
  void allow_calls() {
    caller_ = workload("caller", "10.0.1.10", default_group_);
    called_ = workload("called", "10.0.1.11", default_group_);
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
    allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V6));
    calls_ = allow(default_group_, Direction::In, "all", default_group_);
  }
  void cut() { run({.operations = {model::Remove{calls_}}}); }
  void join() {
    apply({model::Rule{.id = calls_,
                       .group = default_group_,
                       .direction = Direction::In,
                       .traffic = *model::Traffic::parse("all"),
                       .peer = default_group_}});
  }
  model::RuleId allow(model::GroupId group, Direction direction, const std::string& traffic, model::Peer peer) {
    const auto rule = id<model::RuleId>();
    apply({model::Rule{.id = rule,
                       .group = group,
                       .direction = direction,
                       .traffic = *model::Traffic::parse(traffic),
                       .peer = std::move(peer)}});
    return rule;
  }

  base::Rng rng_{7};
  model::State state_;
  model::MachineId machine_ = id<model::MachineId>();
  model::VpcId vpc_ = id<model::VpcId>();
  model::SubnetId subnet_ = id<model::SubnetId>();
  model::GroupId default_group_ = id<model::GroupId>();
  std::unique_ptr<Datapath> datapath_;
  model::TniId caller_, called_;
  model::RuleId calls_;
  const std::vector<Address> both_families_ = {*Address::parse("10.0.1.11"), *Address::parse("fd12:3456:789a:1::11")};
};

TEST_F(DatapathTest, OnlyWhatARuleAllowsPassesInBothFamilies) {
  const auto a = workload("a", "10.0.1.10", default_group_);
  const auto b = workload("b", "10.0.1.11", default_group_);
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  const auto in4 = allow(default_group_, Direction::In, "icmp:8", default_group_);
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(pings(b, "10.0.1.10"));
  EXPECT_FALSE(pings(a, "fd12:3456:789a:1::11"));
  allow(default_group_, Direction::Out, "icmpv6", Prefix::any(net::Family::V6));
  allow(default_group_, Direction::In, "icmpv6:128", default_group_);
  EXPECT_TRUE(pings(a, "fd12:3456:789a:1::11"));
  run({.operations = {model::Remove{in4}}});
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(pings(a, "fd12:3456:789a:1::11"));
}

TEST_F(DatapathTest, ANewDaemonAdoptsWhatIsThere) {
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  allow(default_group_, Direction::In, "icmp", default_group_);
  const auto a = workload("a", "10.0.1.10", default_group_);
  workload("b", "10.0.1.11", default_group_);
  ASSERT_TRUE(pings(a, "10.0.1.11"));
  const auto links = datapath_->links().read();
  datapath_.reset();
  EXPECT_TRUE(pings(a, "10.0.1.11"));  // nobody is there
  open();
  EXPECT_TRUE(pings(a, "10.0.1.11"));  // nothing was told yet
  model::Changes all;
  for (auto& object : state_.objects()) all.push_back({.before = {}, .after = object});
  datapath_->update(state_, all, {os::now_wall(), os::now_boot()});
  for (const auto& [what, why] : datapath_->problems()) ADD_FAILURE() << what << ": " << why;
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  const auto now = datapath_->links().read();
  ASSERT_TRUE(links.ok() && now.ok());
  ASSERT_EQ(links->size(), now->size());
  for (size_t i = 0; i < now->size(); ++i) EXPECT_EQ((*links)[i].index, (*now)[i].index);
}

TEST_F(DatapathTest, ALinkThatSomebodyRemovesComesBack) {
  allow(default_group_, Direction::Out, "all", Prefix::any(net::Family::V4));
  allow(default_group_, Direction::In, "icmp", default_group_);
  const auto a = workload("a", "10.0.1.10", default_group_);
  const auto b = workload("b", "10.0.1.11", default_group_);
  EXPECT_EQ(in(b, {"ip", "link", "del", "eth0"}), 0);
  EXPECT_FALSE(pings(a, "10.0.1.11"));
  EXPECT_EQ(datapath_->heal(state_, {os::now_wall(), os::now_boot()}).size(), 1u);
  EXPECT_TRUE(pings(a, "10.0.1.11"));
  EXPECT_TRUE(datapath_->heal(state_, {os::now_wall(), os::now_boot()}).empty());
}

// Whoever speaks first is told by that packet, the other end by its copy.
TEST_F(DatapathTest, BothEndsOfAConnectionThatIsCutAreReset) {
  allow_calls();
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

TEST_F(DatapathTest, ABulkTransferThatIsCutIsResetAtBothEnds) {
  allow_calls();
  for (const Address& at : both_families_) {
    const auto talk = converse(SOCK_STREAM, caller_, called_, at);
    std::vector<char> much(1 << 20);
    const auto push = [&] { return send(talk.client.get(), much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT); };
    const auto take = [&] { return recv(talk.server.get(), much.data(), much.size(), MSG_DONTWAIT); };
    EXPECT_GT(push(), 0);
    cut();
    // The receiver makes room, so that the sender goes on.
    const auto end_of = [](const auto& step) {
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      while (std::chrono::steady_clock::now() < patience) {
        const ssize_t count = step();
        if (count == 0) return 0;
        if (count < 0 && errno != EAGAIN) return errno;
      }
      return ETIMEDOUT;
    };
    EXPECT_EQ(end_of(take), ECONNRESET) << at.text();
    EXPECT_EQ(end_of(push), ECONNRESET) << at.text();
    join();
  }
}

TEST_F(DatapathTest, OtherwiseWhoSendsIsToldThatItIsProhibited) {
  allow_calls();
  for (const Address& at : both_families_) {
    const int prohibited = at.is_v4() ? EHOSTUNREACH : EACCES;
    const auto talk = converse(SOCK_DGRAM, caller_, called_, at);
    cut();
    for (const auto& end : {std::cref(talk.client), std::cref(talk.server)}) {
      EXPECT_TRUE(os::Conversation::say(end));
      EXPECT_EQ(os::Conversation::told(end), prohibited) << at.text();
    }
    EXPECT_FALSE(os::Conversation::heard(talk.server));
    // What is allowed again goes on at once.
    join();
    EXPECT_TRUE(os::Conversation::say(talk.client));
    EXPECT_TRUE(os::Conversation::heard(talk.server));
  }
}

}  // namespace
}  // namespace weft::datapath
