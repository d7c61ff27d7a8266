// The completion scripts, in the shells that are there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "cli/completion.h"
#include "cli/on_terminal.h"

namespace weft::cli {
namespace {

using testing::HasSubstr;

bool has(const std::string& shell) { return std::filesystem::exists("/usr/bin/" + shell); }

// What the shell prints for the script, with `weft` first in its PATH.
std::string run_shell(const FakeWeftd& weftd, const std::string& shell, const std::string& script) {
  const std::string file = weftd.folder().write("script", script);
  const std::string out = weftd.folder() / "out";
  const std::string folder = std::filesystem::path(WEFT_PROGRAM).parent_path().string();
  const std::string line = "env HOME=" + (weftd.folder() / "") + " PATH=" + folder +
                           ":/usr/bin:/bin WEFT_SOCKET=" + weftd.socket() + " /usr/bin/" + shell + " " + file + " >" +
                           out + " 2>&1 </dev/null";
  EXPECT_EQ(system(line.c_str()), 0) << script;
  std::ostringstream text;
  text << std::ifstream(out).rdbuf();
  return text.str();
}

void serve_names(FakeWeftd& weftd) {
  weftd.on("Vpcs/List", Json::parse(R"({"items":[{"name":"shop"},{"name":"lab"}]})"));
  weftd.on("Subnets/List", Json::parse(R"({"items":[{"name":"db","vpc_name":"shop"}]})"));
}

TEST(Completion, ScriptsAreWellFormed) {
  FakeWeftd weftd;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    if (!has(shell)) continue;
    const std::string file = weftd.folder().write(shell, completion_script(shell));
    EXPECT_EQ(system(("/usr/bin/" + std::string(shell) + " -n " + file).c_str()), 0) << shell;
    EXPECT_EQ(run_weft(weftd, {"completion", shell}).out, completion_script(shell));
  }
  EXPECT_EQ(run_weft(weftd, {"completion", "csh"}).status, 2);
}

// The words as bash gives them to a completion: split at ':' and '=' too.
std::string bash_replies(const FakeWeftd& weftd, const std::string& words, const std::string& line) {
  return run_shell(weftd, "bash",
                   "source <(weft completion bash)\ncompopt() { :; }\nCOMP_WORDS=(" + words +
                       ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\nCOMP_LINE='" + line +
                       "'\n_weft\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
}

TEST(Completion, InBash) {
  FakeWeftd weftd;
  serve_names(weftd);
  EXPECT_EQ(bash_replies(weftd, "weft vpc s", "weft vpc s"), "set\nshow\n");
  EXPECT_EQ(bash_replies(weftd, "weft vpc show ''", "weft vpc show "), "shop\nlab\n");
  EXPECT_EQ(bash_replies(weftd, "weft subnet show shop/", "weft subnet show shop/"), "shop/db\n");
  EXPECT_EQ(bash_replies(weftd, "weft ps --output = y", "weft ps --output=y"), "yaml\n");
  EXPECT_EQ(bash_replies(weftd, "weft ps --output =", "weft ps --output="), "table\nwide\njson\nyaml\nname\n");
  EXPECT_EQ(bash_replies(weftd, "weft sg allow g in tc", "weft sg allow g in tc"), "tcp:\n");
}

TEST(Completion, InAnInteractiveBash) {
  FakeWeftd weftd;
  serve_names(weftd);
  weftd.folder().write(".bashrc", "source <(weft completion bash)\nPS1='ready> '\n");
  OnTerminal bash(weftd, {"/usr/bin/bash", "-i"});
  ASSERT_TRUE(bash.await("ready> ")) << testing::PrintToString(bash.shown());
  bash.type("weft vpc sho\t");
  ASSERT_TRUE(bash.await("weft vpc show ")) << testing::PrintToString(bash.shown());
  bash.type("sh\t");
  ASSERT_TRUE(bash.await("weft vpc show shop ")) << testing::PrintToString(bash.shown());
}

TEST(Completion, InFish) {
  if (!has("fish")) GTEST_SKIP() << "no fish";
  FakeWeftd weftd;
  serve_names(weftd);
  const auto replies = [&](const std::string& line) {
    return run_shell(weftd, "fish", "weft completion fish | source\ncomplete -C '" + line + "'\n");
  };
  EXPECT_EQ(replies("weft vpc sho"), "show\tshow a VPC\n");
  EXPECT_THAT(replies("weft vpc show "), HasSubstr("shop"));
  EXPECT_THAT(replies("weft ps --output="), HasSubstr("--output=yaml"));
}

TEST(Completion, InAnInteractiveZsh) {
  if (!has("zsh")) GTEST_SKIP() << "no zsh";
  FakeWeftd weftd;
  serve_names(weftd);
  weftd.folder().write(".zshrc",
                       "autoload -U compinit; compinit -u -D\nsource <(weft completion zsh)\nPS1='ready> '\n");
  OnTerminal zsh(weftd, {"/usr/bin/zsh", "-i"});
  ASSERT_TRUE(zsh.await("ready> ")) << testing::PrintToString(zsh.shown());
  zsh.type("weft vpc sho\t");
  ASSERT_TRUE(zsh.await("vpc show")) << testing::PrintToString(zsh.shown());
  zsh.type("sh\t");
  ASSERT_TRUE(zsh.await("shop")) << testing::PrintToString(zsh.shown());
}

}  // namespace
}  // namespace weft::cli
