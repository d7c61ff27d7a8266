#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

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
