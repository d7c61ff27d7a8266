#include "bench/paths.h"

#include "api/allocate.h"
#include "model/border.h"
#include "os/clock.h"
#include "os/netns.h"
#include "os/process.h"

namespace weft::bench {

using base::Code;

namespace {

// Runs a shell script; the commands of the peers are best read as such.
Result<> script(const std::string& what, const std::string& text) {
  const auto done = TRY(os::run_program({.argv = {"sh", "-ec", text}}).within(what));
  if (done.status != 0) return error(Code::Failed, "{}: {}", what, done.errors);
  return {};
}

Result<Path> path_between(const std::string& name, const std::string& client, const std::string& server,
                          const std::string& target) {
  Path path{.name = name};
  path.client = TRY(os::open_netns(client));
  path.server = TRY(os::open_netns(server));
  path.target = TRY(net::Address::parse(target));
  return path;
}

}  // namespace

Result<Path> bare_pair() {
  TRY_VOID(script("bare pair", R"(
    ip netns add bare-a; ip netns add bare-b
    ip link add name eth0 netns bare-a type veth peer name eth0 netns bare-b
    ip -n bare-a addr add 10.90.0.1/24 dev eth0; ip -n bare-b addr add 10.90.0.2/24 dev eth0
    for n in bare-a bare-b; do ip -n $n link set lo up; ip -n $n link set eth0 mtu 1350 up; done)"));
  return path_between("bare", "bare-a", "bare-b", "10.90.0.2");
}

Result<Path> bridge_with_docker_rules() {
  TRY_VOID(script("bridge", R"(
    ip netns add br; ip netns add br-a; ip netns add br-b
    ip -n br link set lo up; ip -n br link add docker0 type bridge; ip -n br addr add 10.91.0.1/24 dev docker0
    ip -n br link set docker0 up
    for n in a b; do
      ip link add name eth0 netns br-$n type veth peer name port-$n netns br
      ip -n br link set port-$n mtu 1350 master docker0 up
      ip -n br-$n link set lo up; ip -n br-$n link set eth0 mtu 1350 up
    done
    ip -n br-a addr add 10.91.0.2/24 dev eth0; ip -n br-b addr add 10.91.0.3/24 dev eth0
    ip netns exec br sh -ec '
      echo 1 > /proc/sys/net/ipv4/ip_forward
      if [ -e /proc/sys/net/bridge ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
      iptables -P FORWARD DROP
      iptables -N DOCKER; iptables -N DOCKER-ISOLATION-STAGE-1; iptables -N DOCKER-ISOLATION-STAGE-2; iptables -N DOCKER-USER
      iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1
      iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      iptables -A FORWARD -o docker0 -j DOCKER
      iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
      iptables -A FORWARD -i docker0 -o docker0 -j ACCEPT
      iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN; iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN; iptables -A DOCKER-USER -j RETURN
      iptables -t nat -N DOCKER
      iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      iptables -t nat -A POSTROUTING -s 10.91.0.0/24 ! -o docker0 -j MASQUERADE
      iptables -t nat -A DOCKER -i docker0 -j RETURN'
  )"));
  return path_between("bridge", "br-a", "br-b", "10.91.0.3");
}

Result<Path> routed_with_nftables() {
  TRY_VOID(script("nftables", R"(
    ip netns add nf; ip netns add nf-a; ip netns add nf-b
    ip -n nf link set lo up
    i=0
    for n in a b; do
      i=$((i+1))
      ip link add name eth0 netns nf-$n type veth peer name port-$n netns nf
      ip -n nf link set port-$n mtu 1350 up; ip -n nf addr add 10.92.$i.1/24 dev port-$n
      ip -n nf-$n link set lo up; ip -n nf-$n link set eth0 mtu 1350 up
      ip -n nf-$n addr add 10.92.$i.2/24 dev eth0; ip -n nf-$n route add default via 10.92.$i.1
    done
    ip netns exec nf sh -ec 'echo 1 > /proc/sys/net/ipv4/ip_forward
      nft -f -' <<'N'
table inet bench {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related counter accept
    ct state invalid counter drop
    ip saddr 10.92.1.2 ip daddr 10.92.2.0/24 tcp dport 1-65535 counter accept
    ip saddr 10.92.1.2 ip daddr 10.92.2.0/24 udp dport 1-65535 counter accept
    ip protocol icmp counter accept
  }
}
N
  )"));
  return path_between("nftables", "nf-a", "nf-b", "10.92.2.2");
}

Result<Path> cni_bridge() {
  TRY_VOID(script("CNI bridge", R"(
    ip netns add cni; ip netns add cni-a; ip netns add cni-b; ip -n cni link set lo up
    cat > /run/cni.json <<'C'
{"cniVersion":"1.0.0","name":"bench","type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"mtu":1350,
 "ipam":{"type":"host-local","subnet":"10.93.0.0/24","dataDir":"/run/cni-ipam","routes":[{"dst":"0.0.0.0/0"}]}}
C
    for n in a b; do
      ip -n cni-$n link set lo up
      export CNI_COMMAND=ADD CNI_CONTAINERID=bench-$n CNI_NETNS=/run/netns/cni-$n CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni
      ip netns exec cni /usr/lib/cni/bridge < /run/cni.json > /run/cni-$n.json
      cat > /run/portmap-$n.json <<C
{"cniVersion":"1.0.0","name":"bench","type":"portmap","capabilities":{"portMappings":true},
 "runtimeConfig":{"portMappings":[{"hostPort":$((8000 + $(printf %d "'$n"))),"containerPort":80,"protocol":"tcp"}]},
 "prevResult":$(cat /run/cni-$n.json)}
C
      ip netns exec cni /usr/lib/cni/portmap < /run/portmap-$n.json > /dev/null
    done)"));
  return path_between("cni", "cni-a", "cni-b", "10.93.0.3");
}

Result<std::unique_ptr<Fabric>> Fabric::make(const std::string& instance, const Size& size) {
  std::unique_ptr<Fabric> fabric(new Fabric);
  fabric->machine_ = model::MachineId::make(fabric->rng_);
  fabric->options_ = {.names = {.instance = instance}, .pins = "/run/bpf/" + instance, .self = fabric->machine_};
  fabric->datapath_ = TRY(datapath::Datapath::open(fabric->options_));
  TRY_VOID(fabric->found(size));
  return fabric;
}

Fabric::~Fabric() {
  datapath_.reset();
  (void)datapath::Datapath::remove_all(options_);
}

Result<> Fabric::run(model::Command command) {
  const auto changes = TRY(state_.apply(command));
  datapath_->update(state_, changes, {os::now_wall(), os::now_boot()});
  for (const auto& [what, why] : datapath_->problems()) return error(Code::Failed, "{}: {}", what, why);
  return {};
}

Result<> Fabric::found(const Size& size) {
  using namespace model;
  model::Command command;
  const auto put = [&](Object object) { command.operations.emplace_back(Put{std::move(object)}); };
  vpc_ = VpcId::make(rng_);
  subnet_ = SubnetId::make(rng_);
  for (size_t i = 0; i < std::max<size_t>(size.groups_per_tni, (size.rules + 999) / 1000); ++i) {
    groups_.push_back(GroupId::make(rng_));
    put(Group{.id = groups_.back(), .name = "g" + std::to_string(i), .vpc = vpc_});
  }
  put(Machine{.id = machine_, .name = "m"});
  Vpc vpc{.id = vpc_, .name = "v", .cidrs = {*net::Prefix::parse("10.80.0.0/16")}, .default_group = groups_.front()};
  for (Object& object : begin_border(vpc, [&] { return rng_.next(); })) put(std::move(object));
  put(vpc);
  put(Subnet{.id = subnet_, .name = "s", .vpc = vpc_, .cidr = *net::Prefix::parse("10.80.0.0/16")});
  // The rule that lets the load pass, and others that it must be found among.
  put(Rule{.id = RuleId::make(rng_),
           .group = groups_.front(),
           .direction = Direction::Out,
           .peer = net::Prefix::any(net::Family::V4)});
  put(Rule{.id = RuleId::make(rng_), .group = groups_.front(), .peer = *net::Prefix::parse("10.80.0.0/16")});
  for (size_t i = 2; i < size.rules; ++i) {
    const auto port = static_cast<uint16_t>(1 + rng_.below(60000));
    put(Rule{.id = RuleId::make(rng_),
             .group = groups_[i / 1000 % groups_.size()],
             .traffic = {.protocol = kTcp, .first = port, .last = static_cast<uint16_t>(port + rng_.below(100))},
             .peer = net::Prefix::of(net::Address::v4(static_cast<uint32_t>(rng_.next())),
                                     static_cast<unsigned>(16 + rng_.below(17)))});
  }
  TRY_VOID(run(std::move(command)));
  std::vector<GroupId> all(groups_.begin(), groups_.begin() + static_cast<ptrdiff_t>(size.groups_per_tni));
  std::sort(all.begin(), all.end());
  for (int i = 0; i < 2; ++i) {
    measured_.push_back(TRY(add_tni()));
    Tni tni = state_.get(measured_.back());
    tni.groups = all;
    TRY_VOID(run({.operations = {Put{tni}}}));
  }
  return {};
}

Result<model::TniId> Fabric::add_tni() {
  using namespace model;
  const auto id = TniId::make(rng_);
  const auto workload = WorkloadId::make(rng_);
  const uint32_t number = next_address_++;
  TRY_VOID(run({.operations = {Put{Workload{.id = workload,
                                            .name = "w" + std::to_string(number),
                                            .machine = machine_,
                                            .kind = WorkloadKind::External}},
                               Put{Tni{.id = id,
                                       .name = "w" + std::to_string(number),
                                       .vpc = vpc_,
                                       .subnet = subnet_,
                                       .mac = api::mac_of(id),
                                       .ip = net::Address::v4((10u << 24) + (80u << 16) + number),
                                       .groups = {groups_.front()},
                                       .machine = machine_,
                                       .workload = workload}}}}));
  return id;
}

Result<> Fabric::remove_tni(const model::TniId& id) {
  const model::WorkloadId workload = state_.get(id).workload;
  return run({.operations = {model::Remove{id}, model::Remove{workload}}});
}

Result<model::GroupId> Fabric::add_group(const std::string& name) {
  const auto id = model::GroupId::make(rng_);
  TRY_VOID(run({.operations = {model::Put{model::Group{.id = id, .name = name, .vpc = vpc_}}}}));
  return id;
}

// Pairs of a few groups are enough, so that the limit on groups isn't met first.
Result<> Fabric::add_combinations(size_t count, const model::GroupId& shared) {
  using namespace model;
  std::vector<GroupId> few;
  model::Command command;
  while (command.operations.size() < count) {
    const auto newest = TRY(add_group("few" + std::to_string(few.size())));
    for (size_t i = 0; i < few.size() && command.operations.size() < count; ++i) {
      const auto id = TniId::make(rng_);
      std::vector<GroupId> groups{shared, few[i], newest};
      std::sort(groups.begin(), groups.end());
      const uint32_t number = next_address_++;
      command.operations.emplace_back(Put{Tni{.id = id,
                                              .name = "c" + std::to_string(number),
                                              .vpc = vpc_,
                                              .subnet = subnet_,
                                              .mac = api::mac_of(id),
                                              .ip = net::Address::v4((10u << 24) + (80u << 16) + number),
                                              .groups = std::move(groups),
                                              .machine = machine_}});
    }
    few.push_back(newest);
  }
  return run(std::move(command));
}

Result<Path> Fabric::path(const std::string& name) const {
  Path path{.name = name};
  const auto& a = state_.get(measured_[0]);
  const auto& b = state_.get(measured_[1]);
  path.client = TRY(os::open_netns(options_.names.netns_of(a.workload)));
  path.server = TRY(os::open_netns(options_.names.netns_of(b.workload)));
  path.target = b.ip;
  return path;
}

}  // namespace weft::bench
