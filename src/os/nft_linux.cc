#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>

#include "base/fingerprint.h"
#include "base/text.h"
#include "os/netlink_message.h"
#include "os/nft.h"
#include "os/process.h"

namespace weft::os {

using base::Code;

Result<> run_nft(const Fd& netns, const std::string& commands) {
  const Outcome outcome =
      TRY(run_program({.argv = {"nft", "-j", "-f", "-"}, .netns = &netns}, {.input = commands}).within("run nft"));
  if (outcome.status == 0) return {};
  // The first line says what; the commands themselves follow it.
  const std::string_view says = outcome.errors.empty() ? outcome.output : outcome.errors;
  return error(Code::Failed, "nft ended with {}: {}", outcome.status,
               base::printable(base::trim(says.substr(0, says.find('\n')))));
}

Result<std::optional<uint64_t>> read_nft_table(const Fd& netns, const std::string& table, const std::string& chain) {
  struct Part {
    uint16_t question, flags, table, chain, answer;
  };
  constexpr Part kParts[] = {
      {NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, 0, NFT_MSG_NEWTABLE},
      {NFT_MSG_GETCHAIN, 0, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFT_MSG_NEWCHAIN},
      {NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFT_MSG_NEWRULE},
  };
  Netlink netlink = TRY(Netlink::open_in(netns, Bus::Netfilter));
  std::string all;
  for (const Part& part : kParts) {
    Message message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | part.question), part.flags);
    auto& head = message.header<nfgenmsg>();
    head.version = NFNETLINK_V0;
    head.nfgen_family = NFPROTO_INET;
    message.put_text(part.table, table);
    if (part.chain != 0) message.put_text(part.chain, chain);
    const size_t before = all.size();
    TRY(netlink.ask(message.request("read table " + table, {ENOENT}), [&](const nlmsghdr& answer) {
      if (answer.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | part.answer)) return;
      // Without its head, which has the number of the last transaction of anybody.
      constexpr size_t kHead = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
      const std::string_view bytes(reinterpret_cast<const char*>(&answer), answer.nlmsg_len);
      all += bytes.substr(std::min(bytes.size(), kHead));
    }));
    const bool is_rules = part.question == NFT_MSG_GETRULE;
    if (!is_rules && all.size() == before) return std::optional<uint64_t>();
  }
  return std::optional(base::fingerprint_of(all));
}

Result<uint32_t> read_nft_generation(const Fd& netns) {
  Netlink netlink = TRY(Netlink::open_in(netns, Bus::Netfilter));
  Message message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0);
  message.header<nfgenmsg>().version = NFNETLINK_V0;
  uint32_t generation = 0;
  TRY(netlink.ask(message.request("read the generation of nftables"), [&](const nlmsghdr& answer) {
    if (answer.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) return;
    generation = ntohl(Attributes::after<nfgenmsg>(answer).u32(NFTA_GEN_ID).value_or(0));
  }));
  return generation;
}

}  // namespace weft::os
