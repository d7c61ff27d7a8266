#include "diagnosis/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/testing.h"

namespace weft::diagnosis {
namespace {

using api::Health;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const DoctorOptions kOptions{.state_directory = "/var/lib/weft", .pins = "/run/weft/bpf"};

MachineFacts healthy() {
  return {.kernel = "6.1.0-18-amd64",
          .features = {{"clsact", Found::Yes}, {"bpf_redirect_peer", Found::Yes}},
          .btf = Found::Yes,
          .bpffs = Found::Yes,
          .cgroups = {.version = 2, .controllers = {"cpu", "memory", "pids"}},
          .uplink = "eth0",
          .uplink_mtu = 1500,
          .resolvers = {address("192.0.2.53")},
          .handed_out_ports = "32768\t60999",
          .state_free_bytes = uint64_t{10} << 30,
          .state_free_files = 100'000,
          .now = *base::parse_time("2026-11-20T09:30:00Z"),
          .clock_synchronised = Found::Yes,
          .most_open_files = 65'536};
}

api::Check check_named(const MachineFacts& facts, std::string_view name) {
  for (const api::Check& check : diagnose(kOptions, facts)) {
    if (check.check == name) return check;
  }
  ADD_FAILURE() << "no check " << name;
  return {};
}

// The machine is healthy but for one thing: exactly that check says so.
void expect_one(const MachineFacts& facts, std::string_view name, Health health, const char* what) {
  for (const api::Check& check : diagnose(kOptions, facts)) {
    EXPECT_EQ(check.health, check.check == name ? health : Health::Good) << check.check << ": " << check.what;
  }
  const api::Check sick = check_named(facts, name);
  EXPECT_THAT(sick.what, HasSubstr(what));
}

TEST(Doctor, AHealthyMachineHasNothing) {
  for (const api::Check& check : diagnose(kOptions, healthy())) {
    EXPECT_EQ(check.health, Health::Good) << check.check << ": " << check.what;
    EXPECT_FALSE(check.what.empty());
    EXPECT_EQ(check.advice, "");
  }
}

TEST(Doctor, AnOldKernel) {
  MachineFacts facts = healthy();
  for (const char* release : {"5.10.0-28-amd64", "6.0.12", "4.19", "nonsense", ""}) {
    facts.kernel = release;
    expect_one(facts, "kernel", Health::Warning, "older than 6.1");
  }
  for (const char* release : {"6.1.0", "6.18.3", "10.0-rc1"}) {
    facts.kernel = release;
    EXPECT_EQ(check_named(facts, "kernel").health, Health::Good) << release;
  }
}

TEST(Doctor, AKernelThatLacksSomething) {
  MachineFacts facts = healthy();
  facts.features[1].second = Found::No;
  expect_one(facts, "data path", Health::Bad, "bpf_redirect_peer");
  facts = healthy();
  facts.btf = Found::No;
  expect_one(facts, "data path", Health::Warning, "BTF");
}

TEST(Doctor, PinsThatWouldNotSurvive) {
  MachineFacts facts = healthy();
  facts.bpffs = Found::No;
  expect_one(facts, "pins", Health::Bad, "/run/weft/bpf");
}

TEST(Doctor, LimitsThatCannotBeSet) {
  MachineFacts facts = healthy();
  facts.cgroups.controllers.erase("memory");
  expect_one(facts, "cgroups", Health::Warning, "without memory");
  facts.cgroups = {};
  expect_one(facts, "cgroups", Health::Bad, "no cgroup hierarchy");
}

TEST(Doctor, AProgramThatIsMissing) {
  MachineFacts facts = healthy();
  facts.missing_programs = {"nft"};
  expect_one(facts, "programs", Health::Bad, "nft");
}

TEST(Doctor, RulesOfOthersAreNamedAndNoIllness) {
  MachineFacts facts = healthy();
  facts.firewalls = {{"ip filter", Found::Yes}, {"inet firewalld", Found::No}};
  expect_one(facts, "firewalls", Health::Good, "ip filter, inet firewalld; they drop what is forwarded");
  EXPECT_THAT(check_named(facts, "firewalls").advice, HasSubstr("Weft's groups"));
}

TEST(Doctor, AnUplinkThatIsMissingTakenOrNarrow) {
  MachineFacts facts = healthy();
  facts.uplink.clear();
  expect_one(facts, "uplink", Health::Warning, "no default route");
  facts = healthy();
  facts.uplink_programs = {"cil_from_netdev"};
  expect_one(facts, "uplink", Health::Warning, "cil_from_netdev");
  facts = healthy();
  facts.uplink_mtu = 1280;
  expect_one(facts, "MTU", Health::Warning, "1280");
  EXPECT_THAT(check_named(facts, "MTU").advice, HasSubstr("path MTU"));
  facts.uplink_mtu = 1400;
  EXPECT_THAT(check_named(facts, "MTU").advice, HasSubstr("tunnel"));
}

TEST(Doctor, AServerThatWorkloadsCannotAsk) {
  MachineFacts facts = healthy();
  EXPECT_THAT(check_named(facts, "resolvers").what,
              ::testing::HasSubstr("192.0.2.53; the machine has no IPv6 name server"));
  facts.resolvers = {address("192.0.2.53"), address("2001:db8::53")};
  EXPECT_EQ(check_named(facts, "resolvers").what, "192.0.2.53, 2001:db8::53");
  facts.resolvers = {};
  expect_one(facts, "resolvers", Health::Warning, "names no server");
  facts.resolvers = {address("127.0.0.53"), address("::1")};
  expect_one(facts, "resolvers", Health::Warning, "loopback only");
}

TEST(Doctor, PortsThatTheKernelMayHandOut) {
  MachineFacts facts = healthy();
  facts.handed_out_ports = "1024 65535";
  expect_one(facts, "ports", Health::Warning, "61056-65535");
  facts.reserved_ports = "8080,61056-65000";
  expect_one(facts, "ports", Health::Warning, "61056-65535");
  facts.reserved_ports = "8080,61056-65000,65001-65535";
  expect_one(facts, "ports", Health::Good, "none");
}

TEST(Doctor, ADiskThatIsFullOrReadOnly) {
  MachineFacts facts = healthy();
  facts.state_free_bytes = 100 << 20;
  expect_one(facts, "state", Health::Warning, "100 MB");
  facts.state_free_bytes = 1 << 20;
  expect_one(facts, "state", Health::Bad, "1 MB");
  facts = healthy();
  facts.state_free_files = 0;
  expect_one(facts, "state", Health::Bad, "0 files");
  facts = healthy();
  facts.state_fault = "Read-only file system";
  expect_one(facts, "state", Health::Bad, "Read-only");
}

TEST(Doctor, AClockThatIsWrongOrAlone) {
  MachineFacts facts = healthy();
  facts.clock_synchronised = Found::No;
  expect_one(facts, "clock", Health::Warning, "nothing keeps it right");
  facts.now = *base::parse_time("1970-01-01T00:10:00Z");
  expect_one(facts, "clock", Health::Bad, "1970");
}

TEST(Doctor, TooFewFiles) {
  MachineFacts facts = healthy();
  facts.most_open_files = 1024;
  expect_one(facts, "open files", Health::Warning, "1024");
}

TEST(DoctorParse, CgroupsOfBothVersions) {
  EXPECT_EQ(parse_cgroups("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "cpuset cpu io memory pids\n"),
            (Cgroups{.version = 2, .controllers = {"cpu", "cpuset", "io", "memory", "pids"}}));
  EXPECT_EQ(parse_cgroups("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\n"
                          "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
                          "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
                          ""),
            (Cgroups{.version = 1, .controllers = {"cpu", "pids"}}));
  EXPECT_EQ(parse_cgroups("tmpfs /run tmpfs rw 0 0\ncgroup\n\n", ""), Cgroups{});
}

TEST(DoctorParse, NameServers) {
  EXPECT_THAT(parse_name_servers("# nameserver 192.0.2.9\nsearch a\nnameserver 192.0.2.1 # first\n\tnameserver\t::1\n"
                                 "nameserver\nnameserver x\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"),
              ElementsAre(address("192.0.2.1"), address("::1"), address("192.0.2.2")));
}

TEST(DoctorParse, ChainsOfOthers) {
  const auto found = parse_chains(
      R"({"nftables":[{"metainfo":{"version":"1.0.6"}},
          {"chain":{"family":"ip","table":"filter","name":"FORWARD","hook":"forward","policy":"drop"}},
          {"chain":{"family":"ip","table":"filter","name":"INPUT","hook":"input","policy":"accept"}},
          {"chain":{"family":"inet","table":"mine","name":"x"}},
          {"chain":{"family":"inet","table":"weft","name":"x"}}]})",
      "weft");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].table, "inet mine");
  EXPECT_EQ(found[0].drops_forwarded, Found::No);
  EXPECT_EQ(found[1].table, "ip filter");
  EXPECT_EQ(found[1].drops_forwarded, Found::Yes);
  for (const char* text :
       {"", "[]", "{", R"({"nftables":{}})", R"({"nftables":[1,{"chain":5},{"chain":{"table":7}}]})"}) {
    EXPECT_THAT(parse_chains(text, "weft"), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace weft::diagnosis
