#include <net/if.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/isolated.h"
#include "os/netns.h"
#include "os/process.h"
#include "os/sysctl.h"
#include "os/unix_socket.h"

namespace weft::os {
namespace {

using base::Code;

class Netns : public Isolated {
 protected:
  void TearDown() override {
    const auto left = list_netns("");
    for (const auto& name : *left) EXPECT_TRUE(remove_netns(name).ok());
  }
  static ino_t inode(const Fd& netns) {
    struct stat found {};
    EXPECT_EQ(fstat(netns.get(), &found), 0);
    return found.st_ino;
  }
};

TEST_F(Netns, ALockIsOnesAtATimeInEachNamespace) {
  constexpr std::chrono::milliseconds kNone{0};
  const Fd here = *current_netns(), again = *current_netns(), elsewhere = *create_netns("w-a");
  std::optional<NetnsLock> held(std::move(*NetnsLock::acquire(here, kNone)));
  EXPECT_EQ(NetnsLock::acquire(here, kNone).error().code, Code::Conflict);
  EXPECT_EQ(NetnsLock::acquire(again, kNone).error().code, Code::Conflict);
  EXPECT_TRUE(NetnsLock::acquire(elsewhere, kNone).ok());
  held.reset();
  EXPECT_TRUE(NetnsLock::acquire(again, kNone).ok());
}

TEST_F(Netns, AClaimedNameIsOnesInEachNamespace) {
  std::optional<Fd> claim(std::move(*claim_name("weft test")));
  EXPECT_EQ(claim_name("weft test").error().code, Code::Conflict);
  EXPECT_TRUE(claim_name("weft").ok());
  const Fd elsewhere = *create_netns("w-a");
  EXPECT_TRUE(inside_netns(elsewhere, [] { return claim_name("weft test"); }).ok());
  claim.reset();
  EXPECT_TRUE(claim_name("weft test").ok());
}

TEST_F(Netns, NamesAreMadeFoundListedAndRemoved) {
  const auto home = inode(*current_netns());
  const auto made = create_netns("w-a");
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(create_netns("w-b").ok());
  ASSERT_TRUE(create_netns("other").ok());
  EXPECT_EQ(inode(*current_netns()), home);
  EXPECT_NE(inode(*made), home);
  EXPECT_EQ(inode(*open_netns("w-a")), inode(*made));
  EXPECT_EQ(*list_netns("w-"), (std::vector<std::string>{"w-a", "w-b"}));

  EXPECT_EQ(create_netns("w-a").error().code, Code::Conflict);
  EXPECT_TRUE(remove_netns("w-a").ok());
  EXPECT_TRUE(remove_netns("w-a").ok());
  EXPECT_FALSE(find_netns("w-a")->has_value());
  EXPECT_EQ(open_netns("w-a").error().code, Code::NotFound);
}

TEST_F(Netns, WorksTogetherWithIp) {
  ASSERT_TRUE(create_netns("ours").ok());
  EXPECT_EQ(run_program({.argv = {"ip", "netns", "add", "theirs"}})->status, 0);
  EXPECT_TRUE(find_netns("theirs")->has_value());
  EXPECT_EQ(run_program({.argv = {"ip", "-n", "ours", "link", "show", "lo"}})->status, 0);
  EXPECT_EQ(run_program({.argv = {"ip", "netns", "delete", "ours"}})->status, 0);
  EXPECT_EQ(*list_netns(""), std::vector<std::string>{"theirs"});
}

TEST_F(Netns, SharedLikeThatOfIp) {
  // Whoever comes first prepares the directory; seen in a copied mount namespace.
  ASSERT_TRUE(create_netns("before").ok());
  const auto mounts = read_file("/proc/self/mountinfo", 1 << 20);
  const size_t line = mounts->find(" /run/netns ");
  ASSERT_NE(line, std::string::npos);
  EXPECT_NE(mounts->substr(line, mounts->find('\n', line) - line).find("shared:"), std::string::npos);
}

TEST_F(Netns, BareFileIsNoNamespace) {
  ASSERT_TRUE(make_directories("/run/netns", 0755).ok());
  ASSERT_TRUE(write_file_atomic("/run/netns/cut-off", "", 0444, Durability::Cached).ok());
  EXPECT_FALSE(find_netns("cut-off")->has_value());
  EXPECT_TRUE(remove_netns("cut-off").ok());
  EXPECT_TRUE(list_netns("")->empty());
}

TEST_F(Netns, RefusesWhatIsNoName) {
  for (const std::string bad : {"", ".", "..", "a/b", "../x"}) {
    EXPECT_EQ(create_netns(bad).error().code, Code::Usage) << bad;
    EXPECT_EQ(remove_netns(bad).error().code, Code::Usage) << bad;
  }
  EXPECT_FALSE(create_netns(std::string(300, 'x')).ok());
}

TEST_F(Netns, RunsInsideAndReturns) {
  const auto netns = create_netns("inside");
  ASSERT_TRUE(netns.ok());
  const auto home = inode(*current_netns());
  const auto seen = inside_netns(*netns, [&]() -> Result<ino_t> { return inode(TRY(current_netns())); });
  EXPECT_EQ(*seen, inode(*netns));
  const auto failed = inside_netns(*netns, []() -> Result<> { return error(Code::Denied, "no"); });
  EXPECT_EQ(failed.error().code, Code::Denied);
  EXPECT_EQ(inode(*current_netns()), home);
  const Fd none;
  EXPECT_FALSE(inside_netns(none, []() -> Result<> { return {}; }).ok());
}

TEST_F(Netns, SettingsAreThoseOfTheNamespace) {
  const auto netns = create_netns("settings");
  const auto home = current_netns();
  ASSERT_TRUE(netns.ok() && home.ok());
  ASSERT_TRUE(write_sysctl(*netns, "ipv4/ip_forward", "1").ok());
  EXPECT_EQ(*read_sysctl(*netns, "ipv4/ip_forward"), "1");
  ASSERT_TRUE(write_sysctl(*netns, "ipv6/conf/lo/accept_ra", "2").ok());
  ASSERT_TRUE(write_sysctl(*home, "ipv4/ip_forward", "0").ok());
  EXPECT_EQ(*read_sysctl(*netns, "ipv4/ip_forward"), "1");
  EXPECT_FALSE(write_sysctl(*netns, "ipv4/no_such", "1").ok());
  EXPECT_FALSE(write_sysctl(*netns, "ipv4/ip_forward", "word").ok());
  for (const char* bad : {"", "../kernel/panic", "ipv4/../../kernel/panic", "ipv4//ip_forward", "/ipv4"}) {
    EXPECT_EQ(read_sysctl(*netns, bad).error().code, Code::Usage) << bad;
  }
}

}  // namespace
}  // namespace weft::os
