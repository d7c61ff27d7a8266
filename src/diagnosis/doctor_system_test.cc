// The doctor on a real machine: in a namespace of its own it finds what was put
// there, and leaves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/doctor.h"
#include "os/bpffs.h"
#include "os/file.h"
#include "os/isolated.h"
#include "os/process.h"

namespace weft::diagnosis {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class DoctorTest : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    ASSERT_TRUE(os::make_directories("/run/state", 0700).ok());
  }
  static void run(std::vector<std::string> argv) {
    const auto done = os::run_program({.argv = std::move(argv)});
    ASSERT_TRUE(done.ok()) << done.error().what;
    ASSERT_EQ(done->status, 0) << done->errors;
  }

  const DoctorOptions options_{.state_directory = "/run/state",
                               .pins = "/run/bpf",
                               .resolv_conf = "/run/resolv.conf",
                               .upstream_resolv_conf = "/run/none"};
};

TEST_F(DoctorTest, FindsWhatTheDataPathIsMadeOf) {
  const MachineFacts facts = examine(options_);
  for (const auto& [name, found] : facts.features) EXPECT_EQ(found, Found::Yes) << name;
  EXPECT_FALSE(facts.kernel.empty());
  EXPECT_GT(facts.most_open_files, 0u);
  EXPECT_NE(facts.handed_out_ports, "");
  EXPECT_NE(facts.cgroups.version, 0);
}

TEST_F(DoctorTest, FindsTheUplinkItsFirewallAndItsServers) {
  EXPECT_EQ(examine(options_).uplink, "");
  run({"ip", "link", "add", "up0", "mtu", "1400", "type", "veth", "peer", "name", "up1"});
  run({"ip", "link", "set", "up1", "up"});
  run({"ip", "link", "set", "up0", "up"});
  run({"ip", "address", "add", "192.0.2.2/24", "dev", "up0"});
  run({"ip", "route", "add", "default", "via", "192.0.2.1"});
  run({"nft", "add table ip guard; add chain ip guard forward { type filter hook forward priority 0; policy drop; }"});
  ASSERT_TRUE(os::write_file_atomic("/run/resolv.conf", "nameserver 192.0.2.53\n", 0644, os::Durability::Cached).ok());
  const MachineFacts facts = examine(options_);
  EXPECT_EQ(facts.uplink, "up0");
  EXPECT_EQ(facts.uplink_mtu, 1400u);
  EXPECT_THAT(facts.uplink_programs, IsEmpty());
  ASSERT_EQ(facts.firewalls.size(), 1u);
  EXPECT_EQ(facts.firewalls[0].table, "ip guard");
  EXPECT_EQ(facts.firewalls[0].drops_forwarded, Found::Yes);
  ASSERT_EQ(facts.resolvers.size(), 1u);
  run({"nft", "delete", "table", "ip", "guard"});
  run({"ip", "link", "delete", "up0"});
}

TEST_F(DoctorTest, TriesTheDiskAndLeavesNothing) {
  MachineFacts facts = examine(options_);
  EXPECT_EQ(facts.state_fault, "");
  EXPECT_GT(facts.state_free_bytes, 0u);
  EXPECT_THAT(*os::list_directory("/run/state"), IsEmpty());
  ASSERT_EQ(mount("small", "/run/state", "tmpfs", MS_RDONLY, nullptr), 0);
  facts = examine(options_);
  EXPECT_NE(facts.state_fault, "");
  ASSERT_EQ(umount("/run/state"), 0);
  ASSERT_EQ(mount("small", "/run/state", "tmpfs", 0, "size=16k"), 0);
  EXPECT_NE(examine(options_).state_fault, "");
  ASSERT_EQ(umount("/run/state"), 0);
}

TEST_F(DoctorTest, KnowsABpffsWhenItSeesOne) {
  EXPECT_EQ(examine(options_).bpffs, Found::No);
  ASSERT_TRUE(os::mount_bpffs("/run/bpf").ok());
  EXPECT_EQ(examine(options_).bpffs, Found::Yes);
  ASSERT_TRUE(os::unmount_bpffs("/run/bpf").ok());
}

TEST_F(DoctorTest, NamesProgramsThatAreNotThere) {
  DoctorOptions options = options_;
  options.programs = {"sh", "no-such-program"};
  EXPECT_THAT(examine(options).missing_programs, Contains("no-such-program"));
  EXPECT_EQ(examine(options).missing_programs.size(), 1u);
}

}  // namespace
}  // namespace weft::diagnosis
