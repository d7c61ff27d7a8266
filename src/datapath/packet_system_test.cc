// What the programs make of real bytes: headers of all kinds, whole and broken,
// pieces, extension headers, neighbours, errors, and noise.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/rng.h"
#include "datapath/paper_kernel.h"
#include "model/testing.h"
#include "net/packet.h"
#include "os/clock.h"
#include "os/isolated.h"
#include "os/netlink_link.h"
#include "os/netlink_tc.h"

namespace weft::datapath {
namespace {

using model::Direction;
using model::Reason;
using net::Address;
using net::Bytes;
using net::Prefix;
using net::operator+;

constexpr uint8_t kTcp = model::kTcp, kUdp = model::kUdp, kIcmp = model::kIcmp, kIcmp6 = model::kIcmp6, kGre = 47;
constexpr uint16_t kMore = 0x2000;
constexpr uint32_t kGatewayDevice = 1;  // the namespace's loopback

Address at(const char* text) { return *Address::parse(text); }

// What became of a packet. None: it was handed on to `receiver`, or to the gateway.
struct Fate {
  Reason reason = Reason::None;
  model::TniId receiver;
  Bytes bytes;
};

class PacketTest : public os::Isolated {
 protected:
  void SetUp() override {
    Isolated::SetUp();
    auto opened = PaperKernel::open(4096);
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    kernel_ = std::move(*opened);
    put(model::with_border({.id = vpc_,
                            .name = "v",
                            .cidrs = {*Prefix::parse("10.0.0.0/16")},
                            .cidr6 = *Prefix::parse("fd00:1::/56"),
                            .default_group = group_,
                            .internet = model::Internet::Attached}) +
        std::vector<model::Object>{model::Machine{.id = machine_, .name = "m"},
                                   model::Group{.id = group_, .name = "g", .vpc = vpc_},
                                   model::Subnet{.id = subnet_,
                                                 .name = "s",
                                                 .vpc = vpc_,
                                                 .cidr = *Prefix::parse("10.0.0.0/24"),
                                                 .cidr6 = *Prefix::parse("fd00:1::/64")},
                                   tni(a_, 4), tni(b_, 5), workload(4), workload(5)});
    auto netlink = os::Netlink::open();
    ASSERT_TRUE(netlink.ok());
    for (const model::TniId& tni : {a_, b_}) {
      const auto made =
          netlink->apply({os::create_veth({.name = "near" + tni.text.substr(tni.text.size() - 1),
                                           .index = index_of(tni),
                                           .peer = {.name = "far" + tni.text.substr(tni.text.size() - 1)}})});
      ASSERT_TRUE(made.ok()) << made.error().what;
    }
    ASSERT_TRUE(kernel_->bpf().gateways.put(kGatewayDevice, kernel_->slot_of(vpc_)).ok());
    stand_behind(a_);
  }
  void TearDown() override {
    auto netlink = os::Netlink::open();
    ASSERT_TRUE(netlink.ok());
    for (const model::TniId& tni : {a_, b_}) EXPECT_TRUE(netlink->apply({os::remove_link(index_of(tni))}).ok());
    kernel_.reset();
    EXPECT_TRUE(PaperKernel::close().ok());
  }
  // Of the machine's side, as the data path would choose it.
  int index_of(const model::TniId& tni) const { return index_of_slot(kernel_->slot_of(tni), kFirstTurn); }

  static std::string id(const std::string& kind, int number) {
    return kind + "-000000000000000" + std::to_string(number);
  }
  static net::Mac mac(int number) { return {{2, 0, 0, 0, 0, static_cast<uint8_t>(number)}}; }
  model::Object workload(int number) {
    return model::Workload{.id = {id("w", number)},
                           .name = "w" + std::to_string(number),
                           .machine = machine_,
                           .kind = model::WorkloadKind::External};
  }
  model::Object tni(const model::TniId& tni, int number) {
    return model::Tni{.id = tni,
                      .name = "t" + std::to_string(number),
                      .vpc = vpc_,
                      .subnet = subnet_,
                      .mac = mac(number),
                      .ip = Prefix::parse("10.0.0.0/24")->first().plus(static_cast<uint64_t>(number)),
                      .ip6 = Prefix::parse("fd00:1::/64")->first().plus(static_cast<uint64_t>(number)),
                      .groups = {group_},
                      .machine = machine_,
                      .workload = {id("w", number)}};
  }
  void put(std::vector<model::Object> objects) {
    model::Command command;
    for (model::Object& object : objects) command.operations.emplace_back(model::Put{std::move(object)});
    run(command);
  }
  void run(const model::Command& command) {
    const auto changes = state_.apply(command);
    ASSERT_TRUE(changes.ok()) << changes.error().what;
    const auto applied = kernel_->apply(state_, *changes, {1});
    ASSERT_TRUE(applied.ok()) << applied.error().what;
  }
  // Lets the group's members speak with anybody.
  void allow(const char* traffic) {
    for (const Direction direction : {Direction::In, Direction::Out}) {
      for (const net::Family family : {net::Family::V4, net::Family::V6}) {
        if (std::string_view(traffic).starts_with("icmp:") && family == net::Family::V6) continue;
        put({model::Rule{.id = model::RuleId::of(++rules_),
                         .group = group_,
                         .direction = direction,
                         .traffic = *model::Traffic::parse(traffic),
                         .peer = Prefix::any(family)}});
      }
    }
  }
  // All that were allowed by allow().
  void expire_rules() {
    for (uint64_t number = 1; number <= rules_; ++number) {
      model::Rule expired = state_.get(model::RuleId::of(number));
      expired.until = base::WallTime{1};
      put({expired});
    }
  }
  void stand_behind(const model::TniId& tni) {
    device_ = static_cast<uint32_t>(index_of(tni));
    gateway_ = false;
  }
  void stand_behind_gateway() {
    device_ = kGatewayDevice;
    gateway_ = true;
  }

  template <class Array>
  static uint64_t sum(const Array& array, uint32_t index) {
    uint64_t sum = 0;
    const auto values = array.get(index);
    for (const uint64_t one : *values) sum += one;
    return sum;
  }
  uint64_t counter(const model::TniId& tni, uint64_t abi::counters::*which) const {
    uint64_t sum = 0;
    const auto values = kernel_->bpf().tni_counters.get(kernel_->slot_of(tni));
    for (const abi::counters& one : *values) sum += one.*which;
    return sum;
  }
  uint64_t received(const model::TniId& tni) const { return counter(tni, &abi::counters::received_packets); }
  std::vector<uint64_t> counted() const {
    std::vector<uint64_t> counts;
    for (uint32_t i = 0; i < abi::REASON_COUNT; ++i) counts.push_back(sum(kernel_->bpf().reasons, i));
    return counts;
  }
  // Runs the program; its answer, and the bytes as it left them.
  std::pair<uint32_t, Bytes> run(const Bytes& bytes) const {
    Bytes out(bytes.size() + 64);
    __sk_buff context{};
    context.ifindex = device_;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(), .data_out = out.data(),
                .data_size_in = static_cast<uint32_t>(bytes.size()), .data_size_out = static_cast<uint32_t>(out.size()),
                .ctx_in = &context, .ctx_size_in = sizeof context, .repeat = 1);
    const os::Fd& program = gateway_ ? kernel_->bpf().from_gateway() : kernel_->bpf().from_tni();
    EXPECT_EQ(bpf_prog_test_run_opts(program.get(), &options), 0) << strerror(errno);
    out.resize(options.data_size_out);
    return {options.retval, out};
  }
  Fate send(const Bytes& bytes) const {
    const auto before = counted();
    const uint64_t received_before[] = {received(a_), received(b_)};
    const auto [answer, out] = run(bytes);
    const auto after = counted();
    Fate fate{.bytes = out};
    for (size_t i = 0; i < after.size(); ++i) {
      if (after[i] != before[i]) fate.reason = static_cast<Reason>(i);
    }
    if (received(a_) != received_before[0]) fate.receiver = a_;
    if (received(b_) != received_before[1]) fate.receiver = b_;
    const bool goes_on =
        fate.reason == Reason::None || fate.reason == Reason::Answered || fate.reason == Reason::Revoked;  // told so
    EXPECT_EQ(answer, static_cast<uint32_t>(goes_on ? TC_ACT_REDIRECT : TC_ACT_SHOT));
    return fate;
  }
  std::string fate_of(const Bytes& bytes) const { return std::string(model::text_of(send(bytes).reason)); }

  Bytes framed(uint16_t type, const Bytes& payload) const {
    return net::frame({.target = kRouterMac, .source = mac(4), .type = type}, payload);
  }
  Bytes v4(net::IpHeader header, const Bytes& payload) const {
    return framed(net::kEtherIpv4, net::ip(header, payload));
  }
  Bytes v6(net::IpHeader header, const Bytes& payload) const {
    return framed(net::kEtherIpv6, net::ip(header, payload));
  }

  const net::IpHeader from_a_{.source = at("10.0.0.4"), .target = at("10.0.0.5"), .protocol = kUdp};
  const net::IpHeader from_b_{.source = at("10.0.0.5"), .target = at("10.0.0.4"), .protocol = kUdp};
  const net::IpHeader from_a6_{.source = at("fd00:1::4"), .target = at("fd00:1::5"), .protocol = kUdp};
  const net::IpHeader from_b6_{.source = at("fd00:1::5"), .target = at("fd00:1::4"), .protocol = kUdp};
  static net::IpHeader with(net::IpHeader header, uint8_t protocol) {
    header.protocol = protocol;
    return header;
  }
  static net::IpHeader to(net::IpHeader header, const char* target) {
    header.target = at(target);
    return header;
  }
  static net::IpHeader from(net::IpHeader header, const char* source) {
    header.source = at(source);
    return header;
  }

  model::State state_;
  std::unique_ptr<PaperKernel> kernel_;
  bool gateway_ = false;
  uint32_t device_ = 0;  // where the program runs
  uint64_t rules_ = 0;
  const model::MachineId machine_{id("m", 1)};
  const model::VpcId vpc_{id("vpc", 1)};
  const model::SubnetId subnet_{id("subnet", 1)};
  const model::GroupId group_{id("sg", 1)};
  const model::TniId a_{id("tni", 4)}, b_{id("tni", 5)};
};

TEST_F(PacketTest, WhatIsWellFormedIsHandedOnWithTheReceiversMac) {
  allow("all");
  const Bytes echo = net::u16(7) + net::u16(1) + net::zeros(8);
  for (const Bytes& packet :
       {v4(from_a_, net::udp(from_a_, {5000, 53}, {1, 2})), v4(with(from_a_, kTcp), net::tcp(from_a_, {5000, 80}, 2)),
        v4(with(from_a_, kIcmp), net::icmp(from_a_, 8, 0, echo)), v4(with(from_a_, kGre), {1}),
        v6(from_a6_, net::udp(from_a6_, {5000, 53})), v6(with(from_a6_, kTcp), net::tcp(from_a6_, {5000, 80}, 2)),
        v6(with(from_a6_, kIcmp6), net::icmp(from_a6_, 128, 0, echo))}) {
    const Fate fate = send(packet);
    EXPECT_EQ(fate.reason, Reason::None);
    EXPECT_EQ(fate.receiver, b_);
    Bytes expected = packet;
    std::copy_n(mac(5).bytes.begin(), 6, expected.begin());
    std::copy_n(kRouterMac.bytes.begin(), 6, expected.begin() + 6);
    EXPECT_EQ(fate.bytes, expected);
  }
}

TEST_F(PacketTest, AnIpv4HeaderThatDoesntAddUpIsDropped) {
  allow("all");
  const Bytes udp = net::udp(from_a_, {5000, 53});
  const auto packet = [&](auto change) {
    net::IpHeader header = from_a_;
    change(header);
    return v4(header, udp);
  };
  EXPECT_EQ(fate_of(packet([](auto&) {})), "none");
  EXPECT_EQ(fate_of(packet([](auto& h) { h.header_words = 7; })), "none") << "options are no fault";
  for (const uint8_t words : std::initializer_list<uint8_t>{0, 1, 4, 15}) {
    const Bytes whole = packet([](auto&) {});
    Bytes odd = whole;
    odd[14] = static_cast<uint8_t>(0x40 | words);
    EXPECT_EQ(fate_of(odd), "malformed") << int{words};
  }
  for (const uint8_t version : std::initializer_list<uint8_t>{1, 5, 6, 15}) {
    EXPECT_EQ(fate_of(packet([&](auto& h) { h.version = version; })), "malformed") << int{version};
  }
  for (const uint16_t length : std::initializer_list<uint16_t>{0, 19, 27, 29, 65535}) {
    EXPECT_EQ(fate_of(packet([&](auto& h) { h.length = length; })), "malformed") << length;
  }
  for (size_t size = 20; size < 28; ++size) {  // a test run takes no less
    const Bytes whole = packet([](auto&) {});
    EXPECT_EQ(fate_of(Bytes(whole.begin(), whole.begin() + 14 + static_cast<ptrdiff_t>(size))), "malformed") << size;
  }
  EXPECT_EQ(fate_of(packet([](auto&) {}) + Bytes(18, 0xee)), "none") << "padding is no fault";
}

TEST_F(PacketTest, AnIpv6HeaderThatDoesntAddUpIsDropped) {
  allow("all");
  const Bytes udp = net::udp(from_a6_, {5000, 53});
  for (const uint8_t version : std::initializer_list<uint8_t>{4, 5, 7, 15}) {
    net::IpHeader header = from_a6_;
    header.version = version;
    EXPECT_EQ(fate_of(v6(header, udp)), "malformed") << int{version};
  }
  for (const uint16_t length : std::initializer_list<uint16_t>{0, 7, 9, 65535}) {
    net::IpHeader header = from_a6_;
    header.length = length;
    EXPECT_EQ(fate_of(v6(header, udp)), "malformed") << length;
  }
  const Bytes whole = v6(from_a6_, udp);
  for (size_t size = 40; size < 48; ++size) {
    EXPECT_EQ(fate_of(Bytes(whole.begin(), whole.begin() + 14 + static_cast<ptrdiff_t>(size))), "malformed") << size;
  }
}

TEST_F(PacketTest, ATransportHeaderMustBeWhole) {
  allow("all");
  EXPECT_EQ(fate_of(v4(from_a_, net::zeros(7))), "malformed");
  EXPECT_EQ(fate_of(v4(with(from_a_, kTcp), net::zeros(19))), "malformed");
  EXPECT_EQ(fate_of(v4(with(from_a_, kIcmp), net::zeros(7))), "malformed");
  EXPECT_EQ(fate_of(v6(with(from_a6_, kTcp), net::zeros(19))), "malformed");
  EXPECT_EQ(fate_of(v6(with(from_a6_, kIcmp6), net::u8(128) + net::zeros(6))), "malformed");
  // Each family has an ICMP of its own.
  EXPECT_EQ(fate_of(v4(with(from_a_, kIcmp6), net::icmp(from_a_, 128, 0, net::zeros(4)))), "malformed");
  EXPECT_EQ(fate_of(v6(with(from_a6_, kIcmp), net::icmp(from_a6_, 8, 0, net::zeros(4)))), "malformed");
}

TEST_F(PacketTest, AddressesThatAreNoHostsAreNobodys) {
  allow("all");
  const Bytes udp = net::udp(from_a_, {5000, 53});
  for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.5", "192.0.2.1"}) {
    EXPECT_EQ(fate_of(v4(from(from_a_, source), udp)), "source-check") << source;
  }
  for (const char* target : {"224.0.0.251", "239.1.1.1", "255.255.255.255", "240.0.0.1"}) {
    EXPECT_EQ(fate_of(v4(to(from_a_, target), udp)), "multicast") << target;
  }
  EXPECT_EQ(fate_of(v4(to(from_a_, "127.0.0.1"), udp)), "no-route");
  EXPECT_EQ(fate_of(v4(to(from_a_, "0.0.0.0"), udp)), "no-route");
  EXPECT_EQ(fate_of(v4(to(from_a_, "10.0.0.255"), udp)), "no-endpoint");
  for (const char* source : {"::", "::1", "ff02::1", "fe80::4", "fd00:1::5", "2001:db8::1"}) {
    EXPECT_EQ(fate_of(v6(from(from_a6_, source), udp)), "source-check") << source;
  }
  for (const char* target : {"ff02::1", "ff02::fb", "ff0e::1"}) {
    EXPECT_EQ(fate_of(v6(to(from_a6_, target), udp)), "multicast") << target;
  }
  EXPECT_EQ(fate_of(v4(to(from(from_a_, "0.0.0.0"), "255.255.255.255"), udp)), "multicast");
  EXPECT_EQ(fate_of(v6(to(from(from_a6_, "::"), "ff02::16"), udp)), "multicast");
  EXPECT_EQ(fate_of(v6(to(from_a6_, "::1"), udp)), "no-route");
  EXPECT_EQ(fate_of(v6(to(from_a6_, "::"), udp)), "no-route");
}

// In all tables a mapped address is IPv4: on the wire it would be a way to be
// somebody, and to reach somebody, by the other family's rules.
TEST_F(PacketTest, MappedAddressesDontCrossFamilies) {
  allow("all");
  const Bytes udp = net::udp(from_a6_, {5000, 53});
  const auto mapped = [&](size_t offset, uint8_t last) {
    Bytes packet = v6(from_a6_, udp);
    const Bytes address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last};
    std::copy(address.begin(), address.end(), packet.begin() + 14 + static_cast<ptrdiff_t>(offset));
    return packet;
  };
  EXPECT_EQ(fate_of(mapped(8, 4)), "source-check");
  EXPECT_EQ(fate_of(mapped(24, 5)), "no-route");
}

TEST_F(PacketTest, OtherEtherTypesAndTagsAreNoIp) {
  allow("all");
  for (const unsigned type : {0x0000u, 0x0026u, 0x8035u, 0x8847u, 0x8863u, 0x88ccu, 0x88e5u, 0xffffu}) {
    EXPECT_EQ(fate_of(framed(static_cast<uint16_t>(type), net::zeros(46))), "not-ip") << type;
  }
  const Bytes inner = net::u16(42) + net::u16(net::kEtherIpv4) + net::ip(from_a_, net::udp(from_a_, {1, 2}));
  EXPECT_EQ(fate_of(framed(net::kEtherVlan, inner)), "not-ip");
  EXPECT_EQ(fate_of(framed(0x88a8, inner)), "not-ip");
}

TEST_F(PacketTest, ExtensionHeadersAreWalkedUpToALimit) {
  allow("udp");
  const auto chain = [&](size_t count, std::optional<uint8_t> first = {}) {
    Bytes payload;
    for (size_t i = 0; i < count; ++i) payload = payload + net::extension(i + 1 < count ? uint8_t{60} : kUdp);
    return v6(with(from_a6_, count == 0 ? kUdp : first.value_or(60)), payload + net::udp(from_a6_, {5000, 53}));
  };
  for (size_t count = 0; count <= abi::MOST_EXTENSIONS; ++count) EXPECT_EQ(fate_of(chain(count)), "none") << count;
  EXPECT_EQ(fate_of(chain(abi::MOST_EXTENSIONS + 1)), "extension-headers");
  EXPECT_EQ(fate_of(chain(30)), "extension-headers");
  for (const uint8_t kind : std::initializer_list<uint8_t>{0, 43, 60})
    EXPECT_EQ(fate_of(chain(1, kind)), "none") << int{kind};
  // A header longer than the packet, or cut short.
  Bytes longer = v6(with(from_a6_, 60), net::extension(kUdp) + net::udp(from_a6_, {5000, 53}));
  longer[14 + 41] = 3;
  EXPECT_EQ(fate_of(longer), "malformed");
  EXPECT_EQ(fate_of(v6(with(from_a6_, 60), net::zeros(4))), "malformed");
  EXPECT_EQ(fate_of(v6(with(from_a6_, 44),
                       net::fragment_header(44, 0, 1) + net::fragment_header(kUdp, 1, 1) + net::udp(from_a6_, {1, 2}))),
            "none")
      << "an atomic fragment is a whole";
  EXPECT_EQ(fate_of(v6(with(from_a6_, 44),
                       net::fragment_header(44, 1, 1) + net::fragment_header(kUdp, 1, 1) + net::udp(from_a6_, {1, 2}))),
            "malformed");
  // What isn't walked is a protocol that no rule here names.
  EXPECT_EQ(fate_of(v6(with(from_a6_, 59), {})), "egress-denied");
  EXPECT_EQ(fate_of(v6(with(from_a6_, 50), net::zeros(16))), "egress-denied");
}

// Pieces of one UDP datagram, by offset in bytes.
class FragmentTest : public PacketTest {
 protected:
  Bytes piece(uint16_t id, unsigned offset, size_t size, uint16_t flags) {
    net::IpHeader header = from_a_;
    header.id = id;
    header.fragment = static_cast<uint16_t>(offset / 8 | flags);
    const Bytes datagram = net::udp(from_a_, {5000, 53}, net::zeros(2000));
    return v4(header, Bytes(datagram.begin() + offset, datagram.begin() + offset + static_cast<ptrdiff_t>(size)));
  }
  Bytes piece6(uint32_t id, unsigned offset, size_t size, uint16_t more, uint8_t next = kUdp, const Bytes& front = {}) {
    const Bytes datagram = front + net::udp(from_a6_, {5000, 53}, net::zeros(2000));
    return v6(with(from_a6_, 44),
              net::fragment_header(next, static_cast<uint16_t>(offset | more), id) +
                  Bytes(datagram.begin() + offset, datagram.begin() + offset + static_cast<ptrdiff_t>(size)));
  }
};

TEST_F(FragmentTest, TheRestFollowsTheFirst) {
  allow("udp:53");
  EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "none");
  EXPECT_EQ(fate_of(piece(1, 1000, 800, kMore)), "none");
  const Fate last = send(piece(1, 1800, 205, 0));
  EXPECT_EQ(last.reason, Reason::None);
  EXPECT_EQ(last.receiver, b_);
  EXPECT_EQ(fate_of(piece6(1, 0, 1000, 1)), "none");
  EXPECT_EQ(fate_of(piece6(1, 1000, 1005, 0)), "none");
}

TEST_F(FragmentTest, TheRestOfWhatIsDeniedIsDeniedToo) {
  allow("tcp");
  EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "egress-denied");
  EXPECT_EQ(fate_of(piece(1, 1000, 800, kMore)), "egress-denied");
}

TEST_F(FragmentTest, ALaterPieceBeforeTheFirstIsEarly) {
  allow("all");
  EXPECT_EQ(fate_of(piece(1, 1000, 800, kMore)), "fragment-early");
  EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "none");
  EXPECT_EQ(fate_of(piece(2, 1000, 800, kMore)), "fragment-early") << "another datagram";
  EXPECT_EQ(fate_of(piece6(1, 1000, 800, 1)), "fragment-early");
}

TEST_F(FragmentTest, AFirstPieceWithoutThePortsIsTiny) {
  allow("all");
  net::IpHeader tcp = with(from_a_, kTcp);
  tcp.id = 9;
  tcp.fragment = kMore;
  const Bytes segment = net::tcp(from_a_, {5000, 80}, 2, net::zeros(100));
  EXPECT_EQ(fate_of(v4(tcp, Bytes(segment.begin(), segment.begin() + 8))), "fragment-tiny");
  EXPECT_EQ(fate_of(v4(tcp, Bytes(segment.begin(), segment.begin() + 16))), "fragment-tiny");
  EXPECT_EQ(fate_of(v4(tcp, Bytes(segment.begin(), segment.begin() + 24))), "none");
  EXPECT_EQ(fate_of(piece6(9, 0, 0, 1)), "fragment-tiny");
}

TEST_F(FragmentTest, OverlapsAndRepetitionsAreDropped) {
  allow("all");
  EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "none");
  EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "fragment-overlap");
  EXPECT_EQ(fate_of(piece(1, 8, 16, kMore)), "fragment-overlap") << "the flags of a TCP header (RFC 3128)";
  EXPECT_EQ(fate_of(piece(1, 992, 800, kMore)), "fragment-overlap");
  EXPECT_EQ(fate_of(piece(1, 1200, 104, 0)), "none");
  EXPECT_EQ(fate_of(piece(1, 1304, 104, kMore)), "fragment-overlap") << "behind the end";
  EXPECT_EQ(fate_of(piece(1, 1000, 100, 0)), "fragment-overlap") << "a second end";
  EXPECT_EQ(fate_of(piece(1, 1000, 200, kMore)), "none");
}

TEST_F(FragmentTest, ACompleteDatagramFreesItsId) {
  allow("all");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(fate_of(piece(1, 0, 1000, kMore)), "none");
    EXPECT_EQ(fate_of(piece(1, 1400, 600, 0)), "none");
    EXPECT_EQ(fate_of(piece(1, 1000, 400, kMore)), "none");
  }
}

TEST_F(FragmentTest, PiecesMustBeMultiplesOfEightButForTheLast) {
  allow("all");
  EXPECT_EQ(fate_of(piece(1, 0, 1001, kMore)), "malformed");
  EXPECT_EQ(fate_of(piece6(1, 0, 1001, 1)), "malformed");
  net::IpHeader far = from_a_;
  far.fragment = 8191;
  EXPECT_EQ(fate_of(v4(far, net::zeros(24))), "malformed") << "beyond 65,535 bytes";
}

TEST_F(FragmentTest, APieceTooManyIsDropped) {
  allow("all");
  for (unsigned i = 0; i < abi::MOST_PIECES; ++i) EXPECT_EQ(fate_of(piece(1, i * 16, 16, kMore)), "none") << i;
  EXPECT_EQ(fate_of(piece(1, abi::MOST_PIECES * 16, 16, kMore)), "fragment-table-full");
}

TEST_F(FragmentTest, OneSendersOpenDatagramsAreBounded) {
  allow("all");
  for (unsigned i = 0; i < abi::MOST_OPEN_DATAGRAMS; ++i) {
    EXPECT_EQ(fate_of(piece(static_cast<uint16_t>(i), 0, 1000, kMore)), "none") << i;
  }
  EXPECT_EQ(fate_of(piece(0xffff, 0, 1000, kMore)), "fragment-table-full");
  EXPECT_EQ(fate_of(piece(0, 1000, 1005, 0)), "none");
  EXPECT_EQ(fate_of(piece(0xffff, 0, 1000, kMore)), "none") << "a complete one makes room";
  stand_behind(b_);
  net::IpHeader other = from_b_;
  other.fragment = kMore;
  EXPECT_EQ(fate_of(v4(other, net::udp(from_b_, {1, 2}, net::zeros(8)))), "none");
}

// The type of an echo decides, not its id, which stands where ports would.
TEST_F(FragmentTest, AnEchoInPiecesIsJudgedByItsTypeThroughout) {
  allow("icmp:3");
  const Bytes echo = net::icmp(from_a_, 8, 0, net::u16(0x0300) + net::u16(1) + net::zeros(100));
  net::IpHeader header = with(from_a_, kIcmp);
  header.fragment = kMore;
  EXPECT_EQ(fate_of(v4(header, Bytes(echo.begin(), echo.begin() + 56))), "egress-denied");
  header.fragment = 56 / 8;
  EXPECT_EQ(fate_of(v4(header, Bytes(echo.begin() + 56, echo.end()))), "egress-denied");
  EXPECT_EQ(fate_of(v4(with(from_a_, kIcmp), echo)), "egress-denied");
}

// Behind the fragment header other headers may follow; the later pieces name the
// first of them.
TEST_F(FragmentTest, ExtensionHeadersInsideThePiecesDontHideTheProtocol) {
  allow("udp:53");
  const Bytes options = net::extension(kUdp);
  EXPECT_EQ(fate_of(piece6(1, 0, 1000, 1, 60, options)), "none");
  EXPECT_EQ(fate_of(piece6(1, 1000, 1013, 0, 60, options)), "none");
}

TEST_F(PacketTest, ArpIsAnsweredByTheRouter) {
  const net::Arp question{.sender_mac = mac(4), .sender = at("10.0.0.4"), .target_mac = {}, .target = at("10.0.0.1")};
  for (const char* wanted : {"10.0.0.1", "10.0.0.5", "10.0.0.77", "192.0.2.1"}) {
    net::Arp asked = question;
    asked.target = at(wanted);
    const Fate fate = send(framed(net::kEtherArp, net::arp(asked)));
    EXPECT_EQ(fate.reason, Reason::Answered);
    const Bytes expected = net::frame({.target = mac(4), .source = kRouterMac, .type = net::kEtherArp},
                                      net::arp({.operation = 2,
                                                .sender_mac = kRouterMac,
                                                .sender = at(wanted),
                                                .target_mac = mac(4),
                                                .target = at("10.0.0.4")}));
    EXPECT_EQ(fate.bytes, expected) << wanted;
  }
}

TEST_F(PacketTest, ArpThatIsNoQuestionIsNotAnswered) {
  const net::Arp question{.sender_mac = mac(4), .sender = at("10.0.0.4"), .target_mac = {}, .target = at("10.0.0.1")};
  const auto ask = [&](auto change) {
    net::Arp arp = question;
    change(arp);
    return fate_of(framed(net::kEtherArp, net::arp(arp)));
  };
  EXPECT_EQ(ask([](auto& a) { a.target = at("10.0.0.4"); }), "neighbour-discovery") << "its own address";
  EXPECT_EQ(ask([](auto& a) { a.sender = at("0.0.0.0"); }), "neighbour-discovery") << "a probe for a duplicate";
  EXPECT_EQ(ask([](auto& a) { a.operation = 2; }), "neighbour-discovery");
  const Bytes whole = framed(net::kEtherArp, net::arp(question));
  for (const size_t odd : std::initializer_list<size_t>{14, 16, 18, 19}) {
    Bytes packet = whole;
    packet[odd] ^= 0x40;
    EXPECT_EQ(fate_of(packet), "neighbour-discovery") << odd;
  }
  for (size_t size = 14; size < whole.size(); ++size) {
    EXPECT_EQ(fate_of(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))), "malformed") << size;
  }
}

class NeighbourTest : public PacketTest {
 protected:
  static constexpr uint8_t kSolicitation = 135, kAdvertisement = 136, kSourceMac = 1, kTargetMac = 2;
  net::IpHeader around(const char* source, const char* target) {
    return {.source = at(source), .target = at(target), .protocol = kIcmp6, .ttl = 255};
  }
  Bytes solicitation(const net::IpHeader& header, const char* wanted) {
    return v6(header, net::neighbour(header, kSolicitation, 0, at(wanted), kSourceMac, mac(4)));
  }
};

TEST_F(NeighbourTest, ASolicitationIsAnsweredByTheRouter) {
  for (const char* source : {"fd00:1::4", "fe80::4"}) {
    for (const char* wanted : {"fd00:1::1", "fd00:1::5", "fe80::1", "2001:db8::1"}) {
      const Fate fate = send(solicitation(around(source, "ff02::1:ff00:1"), wanted));
      EXPECT_EQ(fate.reason, Reason::Answered);
      const net::IpHeader back = around(wanted, source);
      const Bytes expected = net::frame(
          {.target = mac(4), .source = kRouterMac, .type = net::kEtherIpv6},
          net::ip(back, net::neighbour(back, kAdvertisement, 0xe0000000, at(wanted), kTargetMac, kRouterMac)));
      EXPECT_EQ(fate.bytes, expected) << source << " asks for " << wanted;
    }
  }
}

TEST_F(NeighbourTest, WhatIsNoQuestionIsNotAnswered) {
  const auto group = around("fd00:1::4", "ff02::1:ff00:4");
  EXPECT_EQ(fate_of(solicitation(group, "fd00:1::4")), "neighbour-discovery") << "its own address";
  EXPECT_EQ(fate_of(solicitation(group, "ff02::1")), "neighbour-discovery");
  const auto probe = around("::", "ff02::1:ff00:5");
  EXPECT_EQ(fate_of(v6(probe, net::neighbour(probe, kSolicitation, 0, at("fd00:1::5")))), "neighbour-discovery");
  EXPECT_EQ(fate_of(solicitation(probe, "fd00:1::5")), "neighbour-discovery");
  net::IpHeader far = group;
  far.ttl = 254;
  EXPECT_EQ(fate_of(solicitation(far, "fd00:1::1")), "neighbour-discovery") << "routed (RFC 4861 7.1.1)";
  for (const uint8_t type : std::initializer_list<uint8_t>{133, 134, 136, 137}) {
    EXPECT_EQ(fate_of(v6(group, net::neighbour(group, type, 0, at("fd00:1::1"), kSourceMac, mac(4)))),
              "neighbour-discovery")
        << int{type};
  }
  const Bytes whole = solicitation(group, "fd00:1::1");
  for (size_t size = 14 + 40; size < whole.size(); ++size) {
    const std::string fate = fate_of(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    EXPECT_TRUE(fate == "malformed" || fate == "neighbour-discovery") << size << ": " << fate;
  }
}

class ErrorTest : public PacketTest {
 protected:
  void SetUp() override {
    PacketTest::SetUp();
    allow("udp");
    ASSERT_EQ(fate_of(v4(from_a_, told_)), "none");
    ASSERT_EQ(fate_of(v6(from_a6_, told6_)), "none");
    stand_behind(b_);
  }
  Bytes error(uint8_t type, const Bytes& inner) {
    const net::IpHeader header = with(from_b_, kIcmp);
    return v4(header, net::icmp(header, type, 3, net::zeros(4) + inner));
  }
  Bytes error6(uint8_t type, const Bytes& inner) {
    const net::IpHeader header = with(from_b6_, kIcmp6);
    return v6(header, net::icmp(header, type, 0, net::u32(1280) + inner));
  }
  static Bytes first(const Bytes& bytes, size_t count) {
    return Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
  }
  const Bytes told_ = net::udp(from_a_, {5000, 53}, net::zeros(30));
  const Bytes told6_ = net::udp(from_a6_, {5000, 53}, net::zeros(30));
};

TEST_F(ErrorTest, AboutAnOpenFlowPassesWithoutARule) {
  for (const uint8_t type : std::initializer_list<uint8_t>{3, 4, 5, 11, 12}) {
    EXPECT_EQ(send(error(type, net::ip(from_a_, told_))).receiver, a_) << int{type};
  }
  for (const uint8_t type : std::initializer_list<uint8_t>{1, 2, 3, 4}) {
    EXPECT_EQ(send(error6(type, net::ip(from_a6_, told6_))).receiver, a_) << int{type};
  }
  EXPECT_EQ(fate_of(error(3, first(net::ip(from_a_, told_), 28))), "none") << "8 bytes are enough (RFC 792)";
}

TEST_F(ErrorTest, AboutAnEchoOfTheOneWhoAskedPasses) {
  allow("icmp:8");
  stand_behind(a_);
  const net::IpHeader header = with(from_a_, kIcmp);
  const Bytes rest = net::u16(7) + net::u16(1);
  const Bytes request = net::icmp(header, 8, 0, rest), reply = net::icmp(header, 0, 0, rest);
  ASSERT_EQ(fate_of(v4(header, request)), "none");
  stand_behind(b_);
  EXPECT_EQ(fate_of(error(3, net::ip(header, request))), "none");
  EXPECT_EQ(fate_of(error(3, net::ip(header, reply))), "egress-denied");
  EXPECT_EQ(fate_of(error(3, net::ip(header, net::icmp(header, 3, 0, rest)))), "egress-denied");
  EXPECT_EQ(fate_of(v4(with(from_b_, kIcmp), net::icmp(with(from_b_, kIcmp), 0, 0, rest))), "none");
}

TEST_F(ErrorTest, AboutSomethingElseIsJudgedByTheRules) {
  EXPECT_EQ(fate_of(error(3, net::ip(from_a_, net::udp(from_a_, {5001, 53})))), "egress-denied");
  EXPECT_EQ(fate_of(error(3, net::ip(from_a_, net::udp(from_a_, {5000, 54})))), "egress-denied");
  EXPECT_EQ(fate_of(error(3, net::ip(with(from_a_, kTcp), told_))), "egress-denied");
  EXPECT_EQ(fate_of(error(3, net::ip(from(from_a_, "10.0.0.9"), told_))), "egress-denied");
  EXPECT_EQ(fate_of(error(3, net::ip(to(from_a_, "10.0.0.9"), told_))), "egress-denied");
  EXPECT_EQ(fate_of(error(8, net::ip(from_a_, told_))), "egress-denied") << "no error at all";
  EXPECT_EQ(fate_of(error(3, net::ip(from_a6_, told6_))), "egress-denied") << "the other family";
  net::IpHeader later = from_a_;
  later.fragment = 3;
  EXPECT_EQ(fate_of(error(3, net::ip(later, told_))), "egress-denied") << "no ports in it";
  for (size_t size = 0; size < 28; ++size) {
    EXPECT_EQ(fate_of(error(3, first(net::ip(from_a_, told_), size))), "egress-denied") << size;
  }
  for (size_t size = 0; size < 48; ++size) {
    EXPECT_EQ(fate_of(error6(1, first(net::ip(from_a6_, told6_), size))), "egress-denied") << size;
  }
}

TEST_F(PacketTest, TheGatewayBringsTheOutsideOnly) {
  allow("all");
  stand_behind_gateway();
  const Bytes udp = net::udp(from_a_, {5000, 53});
  EXPECT_EQ(send(v4(from(from_b_, "192.0.2.1"), udp)).receiver, a_);
  EXPECT_EQ(send(v6(from(from_b6_, "2001:db8::1"), udp)).receiver, a_);
  EXPECT_EQ(send(v4(from(from_b_, "10.0.0.1"), udp)).receiver, a_) << "the router";
  EXPECT_EQ(fate_of(v4(from_b_, udp)), "gateway-source");
  EXPECT_EQ(fate_of(v4(from(from_b_, "10.0.0.99"), udp)), "gateway-source");
  EXPECT_EQ(fate_of(v4({.source = at("192.0.2.1"), .target = at("192.0.2.2"), .protocol = kUdp}, udp)), "no-route");
  EXPECT_EQ(fate_of(framed(net::kEtherArp, net::zeros(28))), "not-ip");
}

TEST_F(PacketTest, ADeviceThatNobodyStandsBehindCarriesNothing) {
  allow("all");
  const Bytes packet = v4(from_a_, net::udp(from_a_, {5000, 53}));
  gateway_ = true;
  EXPECT_EQ(fate_of(packet), "unknown-device") << "a TNI's device with a gateway's program";
  stand_behind_gateway();
  gateway_ = false;
  EXPECT_EQ(fate_of(packet), "unknown-device") << "a gateway's device with a TNI's program";
  gateway_ = true;
  ASSERT_TRUE(kernel_->bpf().gateways.remove(kGatewayDevice).ok());
  EXPECT_EQ(fate_of(packet), "unknown-device");
  // Its slot is that of a TNI, and it isn't its device.
  auto netlink = os::Netlink::open();
  ASSERT_TRUE(netlink.ok());
  const int other = index_of_slot(kernel_->slot_of(a_), kFirstTurn + 1);
  ASSERT_TRUE(netlink->apply({os::create_veth({.name = "other", .index = other, .peer = {.name = "peer"}})}).ok());
  stand_behind(a_);
  device_ = static_cast<uint32_t>(other);
  EXPECT_EQ(fate_of(packet), "unknown-device") << "a device of an earlier turn";
  EXPECT_TRUE(netlink->apply({os::remove_link(other)}).ok());
}

TEST_F(PacketTest, ADropIsToldOfItsOwnPacketAlone) {
  auto events = Events::open(kernel_->bpf());
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "egress-denied");
  stand_behind(b_);
  EXPECT_EQ(fate_of(v4(from_b_, net::zeros(7))), "malformed");
  std::vector<abi::event> heard;
  (*events)->drain(10, [&](const abi::event& event) { heard.push_back(event); });
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].tni, 4u);
  EXPECT_EQ(heard[0].reason, abi::REASON_EgressDenied);
  EXPECT_EQ(heard[0].source_port, htons(5000));
  EXPECT_EQ(heard[1].tni, 5u);
  EXPECT_EQ(heard[1].reason, abi::REASON_Malformed);
  EXPECT_EQ(heard[1].rule, 0u);
}

// A router solicitation, a report of MLDv2 (RFC 3810 5.2) and one of IGMP.
TEST_F(PacketTest, WhatAHostTellsItsWireIsCountedAndNotListed) {
  auto events = Events::open(kernel_->bpf());
  ASSERT_TRUE(events.ok());
  const auto silent = to(from(from_a6_, "::"), "ff02::16");
  const Bytes report = net::extension(kIcmp6) + net::icmp(silent, 143, 0, net::zeros(4));
  const uint64_t before = counter(a_, &abi::counters::drops);
  EXPECT_EQ(fate_of(v6(with(to(from_a6_, "ff02::2"), kIcmp6), net::icmp(from_a6_, 133, 0, net::zeros(4)))),
            "neighbour-discovery");
  EXPECT_EQ(fate_of(v6(with(silent, 0), report)), "multicast");
  EXPECT_EQ(fate_of(v4(with(to(from_a_, "224.0.0.22"), 2), net::zeros(8))), "multicast");
  EXPECT_EQ(counter(a_, &abi::counters::drops) - before, 3u);
  EXPECT_EQ(fate_of(v4(to(from_a_, "224.0.0.251"), net::udp(from_a_, {5353, 5353}))), "multicast");
  std::vector<abi::event> heard;
  (*events)->drain(10, [&](const abi::event& event) { heard.push_back(event); });
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].protocol, kUdp);
}

TEST_F(PacketTest, ARuleCountsTheFlowsThatItOpened) {
  put({model::Rule{.id = model::RuleId::of(1),
                   .group = group_,
                   .direction = Direction::Out,
                   .peer = Prefix::any(net::Family::V4)},
       model::Rule{.id = model::RuleId::of(2), .group = group_, .peer = group_}});
  const auto hits = [&](uint64_t number) {
    for (const auto& [slot, row] : kernel_->tables().rules) {
      if (row.number == number) return sum(kernel_->bpf().rule_hits, slot);
    }
    return uint64_t{0};
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "none");
  EXPECT_EQ(hits(1), 1u);
  EXPECT_EQ(hits(2), 1u);
  EXPECT_EQ(fate_of(v4(to(from_a_, "192.0.2.1"), net::udp(from_a_, {5000, 53}))), "none");
  EXPECT_EQ(hits(1), 2u);
  EXPECT_EQ(hits(2), 1u);
}

TEST_F(PacketTest, AnAuditedRuleTellsWhatItWouldHaveAllowed) {
  put({model::Rule{.id = model::RuleId::of(9),
                   .group = group_,
                   .direction = Direction::Out,
                   .peer = Prefix::any(net::Family::V4),
                   .mode = model::Mode::Audit}});
  auto events = Events::open(kernel_->bpf());
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "egress-denied");
  EXPECT_EQ(fate_of(v6(from_a6_, net::udp(from_a6_, {5000, 53}))), "egress-denied");
  std::vector<std::pair<int, uint64_t>> heard;
  (*events)->drain(10, [&](const abi::event& event) { heard.emplace_back(event.kind, event.rule); });
  EXPECT_EQ(heard,
            (std::vector<std::pair<int, uint64_t>>{{abi::EVENT_AUDIT, 9}, {abi::EVENT_DROP, 0}, {abi::EVENT_DROP, 0}}));
}

TEST_F(PacketTest, AFlowThatIsCutEndsOnceInTheLog) {
  allow("udp");
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "none");
  expire_rules();
  auto events = Events::open(kernel_->bpf());
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "revoked");
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "revoked");
  std::vector<int> heard;
  (*events)->drain(10, [&](const abi::event& event) { heard.push_back(event.kind); });
  EXPECT_EQ(heard, (std::vector<int>{abi::EVENT_FLOW_END, abi::EVENT_DROP, abi::EVENT_DROP}));
}

TEST_F(PacketTest, AFlowNamesTheRuleThatLetItInThoughThatIsGone) {
  allow("udp");
  EXPECT_EQ(fate_of(v4(from_a_, net::udp(from_a_, {5000, 53}))), "none");
  const uint64_t first = rules_;
  std::vector<uint32_t> slots;
  for (const auto& [slot, row] : kernel_->tables().rules) slots.push_back(slot);
  for (uint64_t number = 1; number <= first; ++number) {
    run({.operations = {model::Remove{model::RuleId::of(number)}}});
  }
  // As if other rules had their slots by now.
  for (const uint32_t slot : slots) {
    ASSERT_TRUE(kernel_->bpf().rules.put(slot, {.id = first + 1, .deadline = ~0ull, .flags = 0, .zero = 0}).ok());
  }
  auto events = Events::open(kernel_->bpf());
  ASSERT_TRUE(events.ok());
  ASSERT_TRUE(kernel_->sweep({(os::now_boot() + std::chrono::hours(1)).ns}).ok());
  std::vector<uint64_t> rules;
  (*events)->drain(10, [&](const abi::event& event) { rules.push_back(event.rule); });
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_GE(rules.front(), 1u);
  EXPECT_LE(rules.front(), first);
}

TEST_F(PacketTest, WhatIsKeptEndsWithTheRuleThatLetItIn) {
  put({model::Group{.id = group_, .name = "g", .vpc = vpc_, .on_revoke = model::OnRevoke::Keep},
       model::Rule{.id = model::RuleId::of(1),
                   .group = group_,
                   .direction = Direction::Out,
                   .peer = Prefix::any(net::Family::V4)},
       model::Rule{.id = model::RuleId::of(2),
                   .group = group_,
                   .peer = Prefix::any(net::Family::V4),
                   .until = base::WallTime{} + std::chrono::seconds(60)}});
  const auto reason_after = [&](int seconds) {
    const auto verdict =
        kernel_->judge(base::WallTime{} + std::chrono::seconds(seconds), {.vpc = vpc_,
                                                                          .sender = a_,
                                                                          .source = {from_a_.source, 5000},
                                                                          .target = {from_a_.target, 53},
                                                                          .protocol = kUdp,
                                                                          .selector = 53});
    return std::string(model::text_of(verdict->reason));
  };
  EXPECT_EQ(reason_after(1), "rule");
  run({.operations = {model::Remove{model::RuleId::of(2)}}});
  EXPECT_EQ(reason_after(20), "established");
  EXPECT_EQ(reason_after(40), "established");
  EXPECT_EQ(reason_after(59), "established");
  EXPECT_EQ(reason_after(60), "revoked");
}

TEST_F(PacketTest, AFlowToTheOutsideEndsWhenItsTargetBecomesATni) {
  allow("udp");
  const auto judged = [&] {
    return *kernel_->judge(base::WallTime{} + std::chrono::seconds(1), {.vpc = vpc_,
                                                                        .sender = a_,
                                                                        .source = {from_a_.source, 5000},
                                                                        .target = {at("192.0.2.9"), 53},
                                                                        .protocol = kUdp,
                                                                        .selector = 53});
  };
  EXPECT_EQ(judged().target, model::TniId());
  EXPECT_EQ(judged().reason, Reason::Established);
  model::Vpc wider = state_.get(vpc_);
  wider.cidrs.push_back(*Prefix::parse("192.0.2.0/24"));
  const model::SubnetId beyond{id("subnet", 2)};
  const model::TniId holder{id("tni", 6)};
  auto there = std::get<model::Tni>(tni(holder, 6));
  there.subnet = beyond;
  there.ip = at("192.0.2.9");
  there.ip6.reset();
  put({wider,
       model::Subnet{.id = beyond, .name = "b", .vpc = vpc_, .cidr = *Prefix::parse("192.0.2.0/24"), .cidr6 = {}},
       there, workload(6)});
  const auto after = judged();
  EXPECT_EQ(after.reason, Reason::RuleMatch) << "a flow of its own";
  EXPECT_EQ(after.target, holder);
}

TEST_F(PacketTest, AnOpenFlowIsCheckedForItsSourceWhenThatIsSwitchedOn) {
  allow("udp");
  auto sender = std::get<model::Tni>(tni(a_, 4));
  sender.source_check = model::SourceCheck::Off;
  put({sender});
  const Bytes packet = v4(from(from_a_, "10.0.0.77"), net::udp(from(from_a_, "10.0.0.77"), {5000, 53}));
  EXPECT_EQ(fate_of(packet), "none");
  sender.source_check = model::SourceCheck::On;
  put({sender});
  EXPECT_EQ(fate_of(packet), "source-check");
}

// In a test run the kernel completes no checksum, on the way of a socket's packet it
// does (datapath_system_test.cc): both must find the notice whole.
TEST_F(PacketTest, TheNoticeOfACutIsAWholePacket) {
  allow("all");
  const Bytes data(100, 7);
  const auto part = [](const Bytes& bytes, size_t from, size_t size) {
    return Bytes(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.begin() + static_cast<ptrdiff_t>(from + size));
  };
  const auto address = [](const net::Address& a) { return Bytes(a.bytes().begin(), a.bytes().end()); };
  std::vector<Bytes> sent;
  for (const net::IpHeader& from : {from_a_, from_a6_}) {
    const bool six = !from.source.is_v4();
    const auto packet = [&](const net::IpHeader& header, const Bytes& payload) {
      return six ? v6(header, payload) : v4(header, payload);
    };
    sent.push_back(packet(from, net::udp(from, {5000, 53}, data)));
    sent.push_back(packet(with(from, kTcp), net::tcp(with(from, kTcp), {5000, 80}, 0x10, data)));
    sent.push_back(packet(with(from, kTcp), net::tcp(with(from, kTcp), {5001, 80}, 0x02)));
  }
  for (const Bytes& packet : sent) EXPECT_EQ(fate_of(packet), "none");
  expire_rules();
  for (size_t i = 0; i < sent.size(); ++i) {
    const Bytes& packet = sent[i];
    const bool six = i >= 3;
    const size_t ip = six ? 40 : 20;
    const Fate fate = send(packet);
    EXPECT_EQ(fate.reason, Reason::Revoked);
    net::IpHeader back = six ? from_b6_ : from_b_;
    if (!six) back.fragment = 0x4000;
    if (i % 3 == 0) {
      back.protocol = six ? kIcmp6 : kIcmp;
      // Where the kernel completes the datagram's checksum at its end, it writes what is there.
      const auto pseudo =
          static_cast<uint16_t>(~net::checksum(address(back.source) + address(back.target) +
                                               net::u32(static_cast<uint32_t>(8 + ip + 8)) + net::u32(kIcmp6)));
      const Bytes quote = net::u16(0) + net::u16(six ? pseudo : 0) + part(packet, 14, ip + 8);
      const Bytes error = six ? net::icmp(back, 1, 1, quote) : net::icmp(back, 3, 13, quote);
      EXPECT_EQ(part(fate.bytes, 14, fate.bytes.size() - 14), net::ip(back, error));
      EXPECT_EQ(net::checksum(error), six ? pseudo : 0);
      continue;
    }
    // The sender's went away as a copy: what is left is for the other end.
    net::IpHeader on = with(six ? from_a6_ : from_a_, kTcp);
    if (!six) on.fragment = 0x4000;
    ASSERT_EQ(fate.bytes.size(), 14 + ip + 20);
    const Bytes reset = part(fate.bytes, 14 + ip, 20);
    EXPECT_EQ(part(fate.bytes, 14, ip), part(net::ip(on, reset), 0, ip));
    EXPECT_EQ(net::checksum(address(on.source) + address(on.target) + net::u32(kTcp) + net::u32(20) + reset), 0);
    EXPECT_EQ(part(reset, 0, 8), part(packet, 14 + ip, 8)) << "ports, and where the receiver waits";
    EXPECT_EQ(reset[13], i % 3 == 1 ? 0x14 : 0x04) << "acknowledges what the packet did";
  }
}

// What a test run can't show: tags that a device takes off, and frames shorter
// than their headers.
class DeviceTest : public PacketTest {
 protected:
  void SetUp() override {
    PacketTest::SetUp();
    allow("all");
    auto netlink = os::Netlink::open();
    ASSERT_TRUE(netlink.ok());
    near_ = index_of(a_);
    const auto near = os::find_link(*netlink, near_);
    ASSERT_TRUE(near.ok() && near->has_value());
    far_ = (*near)->peer;
    const auto ready =
        netlink->apply({os::put_clsact(near_),
                        os::put_filter({.link = near_}, kernel_->bpf().from_tni(), "test", os::Create::Exclusive),
                        os::suppress_link_local(near_), os::suppress_link_local(far_),
                        os::change_link({.index = near_, .state = os::LinkState::Up}),
                        os::change_link({.index = far_, .state = os::LinkState::Up})});
    ASSERT_TRUE(ready.ok()) << ready.error().what;
    socket_ = os::Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(socket_.valid());
  }
  // Whether the reason is counted for the frame, soon.
  bool is_dropped(const Bytes& frame, Reason reason) {
    const uint64_t before = counted()[static_cast<size_t>(reason)];
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = far_;
    const ssize_t sent =
        sendto(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    EXPECT_EQ(sent, static_cast<ssize_t>(frame.size())) << strerror(errno);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
      if (counted()[static_cast<size_t>(reason)] == before + 1) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  int near_ = 0, far_ = 0;
  os::Fd socket_;
};

TEST_F(DeviceTest, AFrameShorterThanItsHeaderIsMalformed) {
  const Bytes whole = v4(from_a_, net::udp(from_a_, {5000, 53})), whole6 = v6(from_a6_, net::udp(from_a6_, {5000, 53}));
  for (const ptrdiff_t size : {15, 16, 24, 33, 41}) {
    EXPECT_TRUE(is_dropped(Bytes(whole.begin(), whole.begin() + size), Reason::Malformed)) << size;
    EXPECT_TRUE(is_dropped(Bytes(whole6.begin(), whole6.begin() + size + 12), Reason::Malformed)) << size;
  }
}

TEST_F(DeviceTest, ATagThatTheDeviceTookOffIsSeen) {
  const Bytes inner = net::ip(from_a_, net::udp(from_a_, {5000, 53}));
  EXPECT_TRUE(is_dropped(framed(net::kEtherVlan, net::u16(42) + net::u16(net::kEtherIpv4) + inner), Reason::NotIp));
  const net::Arp question{.sender_mac = mac(4), .sender = at("10.0.0.4"), .target_mac = {}, .target = at("10.0.0.1")};
  EXPECT_TRUE(
      is_dropped(framed(net::kEtherVlan, net::u16(42) + net::u16(net::kEtherArp) + net::arp(question)), Reason::NotIp));
  EXPECT_TRUE(is_dropped(framed(net::kEtherVlan, net::u16(0) + net::u16(net::kEtherIpv4) + inner), Reason::NotIp));
}

// Where nothing is allowed, nothing but the answers to a neighbour's question
// comes out, whatever the bytes.
TEST_F(PacketTest, NoiseNeverPasses) {
  const uint64_t seed =
      std::getenv("WEFT_SEED") ? std::strtoull(std::getenv("WEFT_SEED"), nullptr, 10) : std::random_device{}();
  SCOPED_TRACE("WEFT_SEED=" + std::to_string(seed));
  base::Rng rng(seed);
  // No port is near 53: the resolver answers everybody.
  const std::vector<Bytes> whole{
      v4(from_a_, net::udp(from_a_, {5000, 0x7777}, net::zeros(40))),
      v4(with(from_a_, kTcp), net::tcp(from_a_, {5000, 80}, 2)),
      v4(with(from_a_, kIcmp), net::icmp(from_a_, 3, 3, net::zeros(4) + net::ip(from_b_, net::udp(from_b_, {53, 5})))),
      v6(from_a6_, net::udp(from_a6_, {5000, 0x7777})),
      v6(with(from_a6_, 60), net::extension(44) + net::fragment_header(kUdp, 1, 7) + net::udp(from_a6_, {5, 6})),
      v6(with(from_a6_, kIcmp6),
         net::icmp(from_a6_, 1, 0, net::zeros(4) + net::ip(from_b6_, net::udp(from_b6_, {1, 2})))),
      v6(with(from_a6_, kIcmp6), net::neighbour(from_a6_, 135, 0, at("fd00:1::1"), 1, mac(4))),
      framed(net::kEtherArp,
             net::arp({.sender_mac = mac(4), .sender = at("10.0.0.4"), .target_mac = {}, .target = at("10.0.0.1")}))};
  const auto before = counted();
  uint64_t answers = 0;
  for (int i = 0; i < 100'000; ++i) {
    Bytes bytes = whole[rng.below(whole.size())];
    if (rng.one_in(3)) {
      bytes.resize(54 + rng.below(80));
      for (size_t k = 14; k < bytes.size(); ++k) bytes[k] = static_cast<uint8_t>(rng.next());
    } else {
      for (uint64_t k = 1 + rng.below(4); k > 0; --k)
        bytes[(rng.one_in(10) ? 12 : 14) + rng.below(bytes.size() - 14)] = static_cast<uint8_t>(rng.next());
      if (rng.one_in(8)) bytes.resize(std::max<size_t>(54, rng.below(bytes.size())));
    }
    const auto [answer, out] = run(bytes);
    if (answer == TC_ACT_SHOT) continue;
    ++answers;
    const bool arp = out[12] == 0x08 && out[13] == 0x06 && out[21] == 2;
    const bool advertisement = out[12] == 0x86 && out[13] == 0xdd && out[54] == 136;
    ASSERT_TRUE(answer == TC_ACT_REDIRECT && (arp || advertisement)) << i;
  }
  const auto after = counted();
  const auto count = [&](Reason reason) {
    return after[static_cast<size_t>(reason)] - before[static_cast<size_t>(reason)];
  };
  EXPECT_EQ(count(Reason::Answered), answers);
  for (const Reason reason : {Reason::Malformed, Reason::NotIp, Reason::EgressDenied, Reason::SourceCheck,
                              Reason::Multicast, Reason::Neighbour, Reason::FragmentEarly, Reason::Answered}) {
    EXPECT_GT(count(reason), 0u) << model::text_of(reason);
  }
}

}  // namespace
}  // namespace weft::datapath
