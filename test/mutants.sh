#!/bin/bash
# Are the tests of the data path worth their name? Each mutant is one small fault in
# the BPF programs or in the compiler of their tables; the tests of packets and of
# the three verdicts must fail on it. The mutants are made in a copy of the sources.
#
#   test/mutants.sh BUILD_FOLDER [NAME...]      (all of them; what happens is in BUILD_FOLDER/mutants)
#
# WEFT_STEPS (30,000) and WEFT_SEED (1) are those of the three verdicts.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 BUILD_FOLDER [NAME...]" >&2; exit 2; }
root=$(dirname "$(dirname "$(readlink -f "$0")")")
mkdir -p "$1/mutants"
work=$(readlink -f "$1/mutants")
readonly root work
shift
export WEFT_STEPS=${WEFT_STEPS:-30000} WEFT_SEED=${WEFT_SEED:-1}

# name @@ file @@ what stands in it @@ what it becomes
mutants() {
  cat <<'LIST'
anybody-speaks-for-a-flow @@ src/bpf/judge.h @@ if (!over && mine->tni != packet->tni) return packet->tni ? REASON_SourceCheck : REASON_GatewaySource; @@
flows-follow-a-tni @@ src/bpf/judge.h @@ if (end->tni != 0) return salt_of(end->tni) != end->salt; @@ if (end->tni != 0) return 0;
flows-outlive-a-change @@ src/bpf/judge.h @@ return end->salt == now->salt && end->version == now->version; @@ return end->salt == now->salt;
flows-outlive-an-address @@ src/bpf/judge.h @@ return holder && holder->kind == ENDPOINT_TNI; @@ return 0;
deadlines-pass-unseen @@ src/bpf/judge.h @@ || packet->now >= flow->deadline @@
kept-for-ever @@ src/bpf/judge.h @@ if (by_being_kept && question->deadline < opinion->deadline) opinion->deadline = question->deadline; @@ (void)by_being_kept;
kept-after-the-deadline @@ src/bpf/judge.h @@ question->now < question->deadline ? question->kept : 0 @@ question->kept
errors-from-anybody @@ src/bpf/judge.h @@ if (teller->tni != packet->tni) return CONTINUE; @@ (void)teller;
errors-about-cut-flows @@ src/bpf/judge.h @@ if ((int)judge_flow(which, end, FOR_AN_ERROR) != REASON_Related) return CONTINUE; @@
errors-from-any-source @@ src/bpf/judge.h @@ if (check_source(packet->vpc, packet->tni, &packet->source) != CONTINUE) return CONTINUE; @@
gateway-as-anybody @@ src/bpf/judge.h @@ in_ranges(vpc_slot, source)) return REASON_GatewaySource; @@ 0) return REASON_GatewaySource;
outside-to-outside @@ src/bpf/judge.h @@ vpc->internet && vpc->gateway && !from_outside @@ vpc->internet && vpc->gateway
resolver-on-every-port @@ src/bpf/judge.h @@ question->selector == bpf_htons(53) @@ 1
a-reset-opens @@ src/bpf/judge.h @@ !(packet->tcp_flags & TCP_RST) && @@
source-check-for-new-flows-only @@ src/bpf/judge.h @@ ^ (u32)(tni->flags & TNI_SOURCE_CHECK_OFF) << 31 @@
way-out-for-new-flows-only @@ src/bpf/judge.h @@ vpc->version << 1 | (vpc->internet & 1) @@ 1
audits-nothing @@ src/bpf/judge.h @@ if (denied) audit(s, reason, generation); @@
higher-rule-wins @@ src/bpf/policy.h @@ second->id < first->id ? other : one @@ second->id > first->id ? other : one
alive-at-the-deadline @@ src/bpf/policy.h @@ question->now < rule->deadline @@ question->now <= rule->deadline
first-of-a-chain-only @@ src/bpf/policy.h @@ at = choice->next; @@ at = 0;
no-identities @@ src/bpf/policy.h @@ || peer_set == 0) return best; @@ || peer_set != ~0u) return best;
prefixes-dont-nest @@ src/bpf/policy.h @@ if (found->length == shortest) break; @@ break;
ipv4-inside-ipv6 @@ src/bpf/policy.h @@ bpf_htonl(0xffff) ? 32 + 96 : 32 @@ bpf_htonl(0xffff) ? 32 : 32
a-generation-late @@ src/bpf/policy.h @@ (generation - since) >= 0 @@ (generation - since) > 0
one-fin-closes @@ src/bpf/flow.h @@ (seen & 3) == 3 @@ (seen & 3) != 0
answers-establish @@ src/bpf/flow.h @@ && end == flow->initiator @@
syn-ack-reopens @@ src/bpf/flow.h @@ (TCP_SYN | TCP_ACK)) == TCP_SYN @@ TCP_SYN) == TCP_SYN
half-of-the-table @@ src/bpf/flow.h @@ (most - used) / 4 @@ (most - used) / 2
flows-never-counted-out @@ src/bpf/flow.h @@ count_flow(owner, -1); @@ (void)owner;
overlaps-pass @@ src/bpf/parse.h @@ return REASON_FragmentOverlap; @@ return CONTINUE;
pieces-by-port @@ src/bpf/parse.h @@ packet->selector = known->selector; @@ packet->selector = known->target_port;
mapped-addresses-pass @@ src/bpf/parse.h @@ words[2] == bpf_htonl(0xffff) || @@
lengths-are-believed @@ src/bpf/parse.h @@ || total + ETH_LENGTH > skb->len @@
headers-for-ever @@ src/bpf/parse.h @@ return REASON_ExtensionHeaders; @@ done = 1;
either-icmp-in-either-family @@ src/bpf/parse.h @@ if ((layer->protocol == IPPROTO_ICMP) != (layer->version == 4)) return REASON_Malformed; @@
inner-packets-of-others @@ src/bpf/parse.h @@ if (x[0] != y[0] || x[1] != y[1]) return; @@ (void)x, (void)y;
tags-pass @@ src/bpf/parse.h @@ if (skb->vlan_present) return REASON_NotIp; @@
duplicates-are-found @@ src/bpf/neighbour.h @@ if (asker == 0 || is_own(tni, tni->vpc, &target)) return REASON_Neighbour; @@ (void)asker;
routed-neighbours @@ src/bpf/neighbour.h @@ || ip->hop_limit != 255 @@
wrong-advertisement @@ src/bpf/neighbour.h @@ bpf_htonl(0xe0000000) @@ bpf_htonl(0x60000000)
the-drop-before @@ src/bpf/weft.bpf.c @@ __builtin_memset(&s->judgement, 0, sizeof s->judgement); @@
not-to-the-receiver @@ src/bpf/deliver.h @@ __builtin_memcpy(eth->h_dest, target, 6); @@
slots-at-once @@ src/datapath/slots.h @@ slots_.erase(found); @@ slots_.erase(found), free_.push_back(slot);
chains-of-one @@ src/datapath/rule_class.cc @@ if (!rule->until) break; @@ break;
LIST
}

copy_sources() {
  mkdir -p "$work/source"
  tar -C "$root" --exclude=./build --exclude=./.git -cf - . | tar -C "$work/source" -xmf - # as changed: what an earlier run left built is stale
  sed -i 's/ -Werror//' "$work/source/src/bpf/CMakeLists.txt" # a fault may leave a variable unused
}
build() {
  [ -e "$work/build/build.ninja" ] || cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
  ninja -C "$work/build" -j "${WEFT_JOBS:-$(nproc)}" verdict_system_test packet_system_test datapath_test >"$work/build.log" 2>&1
}
# The tests agree with the sources as they are in the copy.
pass() {
  "$work/build/src/datapath/datapath_test" --gtest_filter='Policy*:RuleClass*' >"$work/test.log" 2>&1 &&
    "$work/build/src/datapath/packet_system_test" >"$work/test.log" 2>&1 &&
    "$work/build/src/datapath/verdict_system_test" >"$work/test.log" 2>&1
}
copy_sources
build || { tail -n 30 "$work/build.log" >&2; echo 'mutants: the sources do not build' >&2; exit 1; }
pass || { tail -n 30 "$work/test.log" >&2; echo 'mutants: the tests fail without any mutant' >&2; exit 1; }

survivors=0 caught=0
while IFS= read -r line; do
  IFS=$'\t' read -r name file from to <<<"${line// @@ /$'\t'}"
  from=${from%% @@} to=${to:-}
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  perl -0pe 'BEGIN { ($from, $to) = splice @ARGV, 0, 2 } s/\Q$from\E/$to/g' "$from" "$to" "$work/source/$file" >"$work/mutant"
  if cmp -s "$work/mutant" "$work/source/$file"; then
    echo "mutants: $name changes nothing: its line in $file is not there any more" >&2
    survivors=$((survivors + 1))
    continue
  fi
  cp "$work/source/$file" "$work/original"
  cp "$work/mutant" "$work/source/$file"
  if ! build; then
    tail -n 20 "$work/build.log" >&2
    echo "mutants: $name does not build" >&2
    survivors=$((survivors + 1))
  elif pass; then
    echo "SURVIVED  $name"
    survivors=$((survivors + 1))
  else
    echo "caught    $name: $(grep -m1 -oE '^\[  FAILED  \] [A-Za-z.]+|Failed to open.*|load the BPF programs.*' "$work/test.log" | head -c 100)"
    caught=$((caught + 1))
  fi
  cp "$work/original" "$work/source/$file"
done < <(mutants)
echo "mutants: $caught caught, $survivors not"
[ "$survivors" -eq 0 ]
