// run and exec in the foreground: streams, signals, statuses, the terminal, and
// a weftd that goes away meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "cli/fake_weftd.h"
#include "cli/on_terminal.h"
#include "workload/status.h"

namespace weft::cli {
namespace {

using testing::HasSubstr;
using workload::Exit;
using workload::FrameType;
using workload::RunState;

std::string status_of(RunState state, std::optional<Exit> exit = {}, const std::string& reason = {}) {
  workload::Status status;
  status.state = state;
  status.exit = exit;
  status.reason = reason;
  return encode(status);
}

// There is room for all input.
void invite(Conversation& c) { c.frame(FrameType::StdinUpTo, workload::encode_up_to(UINT64_MAX)); }

void join(Conversation& c, const workload::Progress& progress) {
  c.frame(FrameType::Done, workload::encode_progress(progress));
  invite(c);
}

// A weftd in which `run` starts a workload that behaves as `attached` says.
void serve_run(FakeWeftd& weftd, FakeWeftd::Answer attached) {
  weftd.on("Workloads/Run", {{"id", "w-1"}, {"name", "x"}});
  weftd.on("Workloads/Attach", [attached = std::move(attached)](Conversation& c, const Json& request) {
    c.upgrade();
    c.frame(FrameType::Done, "");
    invite(c);
    attached(c, request);
  });
}

void end(Conversation& c, Exit exit) { c.frame(FrameType::StatusIs, status_of(RunState::Exited, exit)); }

TEST(Run, StreamsOutputAndEndsWithTheStatus) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    EXPECT_TRUE(c.await(FrameType::Subscribe));
    c.frame(FrameType::StatusIs, status_of(RunState::Running));
    c.frame(FrameType::Stdout, "out\n");
    c.frame(FrameType::Stderr, "err\n");
    end(c, {.code = 7, .signal = 0});
  });
  const Outcome outcome = run_weft(weftd, {"run", "--rm", "--env", "A=b", "--", "sh", "-c", "exit 7"});
  EXPECT_EQ(outcome.status, 7);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(weftd.requests().at(0),
            (Request{"Workloads/Run",
                     {{"command", {"sh", "-c", "exit 7"}}, {"env", {"A=b"}}, {"rm", true}, {"attach", true}}}));
  EXPECT_EQ(weftd.requests().at(1), (Request{"Workloads/Attach", {{"name", "w-1"}, {"received", 0}, {"life", 0}}}));
}

TEST(Run, PassesInputAndItsEnd) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    std::string all;
    while (all != "one\ntwo\n") all += c.await(FrameType::Stdin).value_or(workload::Frame{}).payload;
    EXPECT_TRUE(c.await(FrameType::StdinEnd));
    c.frame(FrameType::Stdout, all);
    end(c, {});
  });
  const Outcome outcome = run_weft(weftd, {"run", "cat"}, {.input = "one\ntwo\n"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "one\ntwo\n");
}

// What is for the command must not be in the way of what is for its parent.
TEST(Run, InputComesAsFarAsThereIsRoomAndASignalOvertakesTheRest) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", {{"id", "w-1"}, {"name", "x"}});
  weftd.on("Workloads/Attach", [](Conversation& c, const Json&) {
    c.upgrade();
    c.frame(FrameType::Done, workload::encode_progress({.life = 5, .output = 0, .input = 100}));
    for (const auto& [room, text] : {std::pair{2, "on"}, {3, "e"}, {6, "\ntw"}}) {
      c.frame(FrameType::StdinUpTo, workload::encode_up_to(static_cast<uint64_t>(100 + room)));
      const auto input = c.await(FrameType::Stdin);
      ASSERT_TRUE(input);
      EXPECT_EQ(input->payload, text);
    }
    c.frame(FrameType::Stdout, "ready\n");
    const auto next = c.await();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->type, FrameType::Signal);
    end(c, {.code = 130, .signal = SIGINT});
  });
  Program program(weftd, {"run", "x"}, {.input = "one\ntwo\n", .environment = {}});
  ASSERT_TRUE(program.await_output("ready\n"));
  program.signal(SIGINT);
  EXPECT_EQ(program.finish().status, 130);
}

TEST(Run, MuchOutputComesWhole) {
  FakeWeftd weftd;
  const std::string block(workload::kStreamChunkBytes, 'x');
  serve_run(weftd, [&](Conversation& c, const Json&) {
    for (int i = 0; i < 200; ++i) c.frame(FrameType::Stdout, block);
    end(c, {});
  });
  EXPECT_EQ(run_weft(weftd, {"run", "yes"}).out.size(), 200 * block.size());
}

TEST(Run, PassesSignalsOn) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "ready\n");
    for (const int wanted : {SIGUSR1, SIGTERM}) {
      const auto signal = c.await(FrameType::Signal);
      ASSERT_TRUE(signal);
      EXPECT_EQ(*workload::parse_signal(signal->payload), wanted);
      c.frame(FrameType::Done, "");
      c.frame(FrameType::Stdout, "got " + std::to_string(wanted) + "\n");
    }
    end(c, {.code = 128 + SIGTERM, .signal = SIGTERM});
  });
  Program program(weftd, {"run", "sleep", "1d"},
                  {.input = {}, .environment = {}, .stdin_is = Program::Options::Stdin::Open});
  ASSERT_TRUE(program.await_output("ready\n"));
  program.signal(SIGUSR1);
  ASSERT_TRUE(program.await_output("got 10\n"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.finish().status, 143);
}

TEST(Run, ASignalDoesNotWaitForWhoReadsItsOutput) {
  constexpr int kFrames = 5;  // more than a pipe takes, and no more than our socket
  const std::string block(workload::kStreamChunkBytes, 'x');
  FakeWeftd weftd;
  std::latch signalled(1);
  serve_run(weftd, [&](Conversation& c, const Json&) {
    for (int i = 0; i < kFrames; ++i) c.frame(FrameType::Stdout, block);
    EXPECT_TRUE(c.await(FrameType::Signal));
    signalled.count_down();
    end(c, {.code = 143, .signal = SIGTERM});
  });
  Program program(weftd, {"run", "yes"});
  program.await_full_output();
  program.signal(SIGTERM);
  signalled.wait();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 143);
  EXPECT_EQ(outcome.out.size(), kFrames * block.size());
}

// Reads a line, and then nobody does: it ends as a program that a pipe ended, silently.
void expect_end_unread(Program& program, std::latch& closed) {
  ASSERT_TRUE(program.await_output("y\n"));
  program.close_output();
  closed.count_down();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 128 + SIGPIPE);
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, WithoutAReaderItIsEndedAsByAnInterrupt) {
  FakeWeftd weftd;
  std::latch closed(1);
  serve_run(weftd, [&](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "y\n");
    closed.wait();
    for (int i = 0; i < 3; ++i) c.frame(FrameType::Stdout, "y\n");
    const auto signal = c.await(FrameType::Signal);
    ASSERT_TRUE(signal);
    EXPECT_EQ(*workload::parse_signal(signal->payload), SIGINT);
    c.frame(FrameType::Stdout, "y\n");
    end(c, {.code = 130, .signal = SIGINT});
  });
  Program program(weftd, {"run", "--rm", "--", "yes"});
  expect_end_unread(program, closed);
}

TEST(Run, AFullDiskIsAFailureThatIsTold) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "much\n");
    EXPECT_TRUE(c.await(FrameType::Signal));
    end(c, {.code = 130, .signal = SIGINT});
  });
  const std::string line = "exec " WEFT_PROGRAM " run -- x >/dev/full";
  const std::string socket = "WEFT_SOCKET=" + weftd.socket();
  std::string command = "env " + socket + " sh -c '" + line + "' 2>" + (weftd.folder() / "err") + " </dev/null";
  const int status = system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 125);
}

TEST(Run, ASignalBeforeItIsJoinedIsPassedOnThen) {
  FakeWeftd weftd;
  std::latch asked(1), signalled(1);
  weftd.on("Workloads/Run", {{"id", "w-1"}});
  weftd.on("Workloads/Attach", [&](Conversation& c, const Json&) {
    c.upgrade();
    asked.count_down();
    signalled.wait();
    c.frame(FrameType::Done, "");
    const auto signal = c.await(FrameType::Signal);
    ASSERT_TRUE(signal);
    EXPECT_EQ(*workload::parse_signal(signal->payload), SIGTERM);
    end(c, {.code = 143, .signal = SIGTERM});
  });
  Program program(weftd, {"run", "x"});
  asked.wait();
  program.signal(SIGTERM);
  signalled.count_down();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 143);
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, AHangupEndsWithTheCommandsStatus) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "ready\n");
    const auto signal = c.await(FrameType::Signal);
    ASSERT_TRUE(signal);
    EXPECT_EQ(*workload::parse_signal(signal->payload), SIGHUP);
    c.frame(FrameType::Stdout, "bye\n");
    end(c, {.code = 7, .signal = 0});
  });
  Program program(weftd, {"run", "x"}, {.input = {}, .environment = {}, .stdin_is = Program::Options::Stdin::Open});
  ASSERT_TRUE(program.await_output("ready\n"));
  program.signal(SIGHUP);
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 7);
  EXPECT_EQ(outcome.out, "ready\nbye\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, AfterThreeInterruptsItLeavesTheWorkloadAlone) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "ready\n");
    for (int i = 0; i < 3 && c.await(FrameType::Signal); ++i)
      c.frame(FrameType::Stdout, "ignored " + std::to_string(i) + "\n");
    (void)c.await(FrameType::Signal);
  });
  Program program(weftd, {"run", "stubborn"},
                  {.input = {}, .environment = {}, .stdin_is = Program::Options::Stdin::Open});
  ASSERT_TRUE(program.await_output("ready\n"));
  program.signal(SIGINT);
  ASSERT_TRUE(program.await_output("ignored 0\n"));
  program.signal(SIGINT);
  ASSERT_TRUE(program.await_output("ignored 1\n"));
  program.signal(SIGINT);
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 130);
  EXPECT_THAT(outcome.err, HasSubstr("w-1 runs on"));
}

TEST(Run, FailuresOfWeftItselfAre125) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", [](Conversation& c, const Json&) {
    c.refuse(404, {{"code", "not_found"}, {"message", "no subnet nowhere"}, {"field", "subnet"}});
  });
  const Outcome outcome = run_weft(weftd, {"run", "--subnet", "nowhere", "true"});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_EQ(outcome.err, "weft: run: no subnet nowhere\n");
  EXPECT_EQ(run_weft(weftd, {"run", "--detach", "--subnet", "nowhere", "true"}).status, 3);
}

// A program may end with 2 itself.
TEST(Run, ALineThatIsWrongIs125) {
  FakeWeftd weftd;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"run"},
                                             {"run", "--detach"},
                                             {"run", "--bogus", "true"},
                                             {"-o", "json", "run", "--cpus", "0", "x"},
                                             {"run", "--env", "C", "x"},
                                             {"run", "--restart", "x", "true"},
                                             {"run", "--tty", "--no-tty", "x"},
                                             {"run", "--external", "--", "x"},
                                             {"exec", "web"},
                                             {"exec", "web", "--user"},
                                             {"exec"}}) {
    const Outcome outcome = run_weft(weftd, words);
    EXPECT_EQ(outcome.status, 125) << testing::PrintToString(words);
    EXPECT_THAT(outcome.err, testing::Not(HasSubstr("run: run:")));
  }
  EXPECT_EQ(run_weft(weftd, {"run"}).err, "weft: run: COMMAND is missing\n");
  EXPECT_TRUE(weftd.requests().empty());
  EXPECT_EQ(run_weft(weftd, {"ps", "--bogus"}).status, 2);
  weftd.on("Workloads/Run", [](Conversation& c, const Json&) {
    c.refuse(400, {{"code", "usage"}, {"message", "80 is not a port"}, {"field", "publish[0]"}});
  });
  EXPECT_EQ(run_weft(weftd, {"run", "-p", "80", "x"}).status, 125);
  EXPECT_EQ(run_weft(weftd, {"run", "-d", "-p", "80", "x"}).status, 125);
}

TEST(Run, ACommandThatCannotBeRun) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::StatusIs, status_of(RunState::Failed, Exit{.code = 127, .signal = 0}, "nope: not found"));
  });
  const Outcome missing = run_weft(weftd, {"run", "nope"});
  EXPECT_EQ(missing.status, 127);
  EXPECT_EQ(missing.err, "weft: run: nope: not found\n");
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::StatusIs, status_of(RunState::Failed, std::nullopt, "memory limit: no controller"));
  });
  EXPECT_EQ(run_weft(weftd, {"run", "x"}).status, 125);
}

TEST(Run, GoesOnThroughRestartsOfTheWorkload) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::StatusIs, status_of(RunState::Backoff, Exit{.code = 1, .signal = 0}));
    c.frame(FrameType::StatusIs, status_of(RunState::Running));
    c.frame(FrameType::Stdout, "again\n");
    end(c, {});
  });
  const Outcome outcome = run_weft(weftd, {"run", "--restart", "on-failure", "x"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "again\n");
}

TEST(Run, AttachesAgainWhenWeftdComesBack) {
  FakeWeftd weftd;
  std::atomic<int> attached = 0;
  std::latch gone(1);
  serve_run(weftd, [&](Conversation& c, const Json&) {
    if (++attached == 1) {
      c.frame(FrameType::Stdout, "before\n");
      return gone.wait();  // and the connection breaks
    }
    c.frame(FrameType::Stdout, "after\n");
    end(c, {.code = 4, .signal = 0});
  });
  weftd.on("Workloads/Get", Json::parse(R"({"id":"w-1","status":{"state":"running"}})"));
  Program program(weftd, {"run", "x"});
  ASSERT_TRUE(program.await_output("before\n"));
  weftd.shut();
  gone.count_down();
  ASSERT_TRUE(program.await_output("w-1 runs on"));
  weftd.stop();
  weftd.listen();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 4);
  EXPECT_EQ(outcome.out, "before\nafter\n");
  EXPECT_THAT(outcome.err, HasSubstr("attached to w-1 again"));
}

// A weftd whose connections break: what happens on each of them.
void serve_breaking(FakeWeftd& weftd, std::vector<std::function<void(Conversation&)>> each) {
  weftd.on("Workloads/Run", {{"id", "w-1"}, {"name", "x"}});
  weftd.on("Workloads/Get", Json::parse(R"({"id":"w-1","status":{"state":"running"}})"));
  const auto number = std::make_shared<std::atomic<size_t>>(0);
  weftd.on("Workloads/Attach", [each = std::move(each), number](Conversation& c, const Json&) {
    c.upgrade();
    each.at((*number)++)(c);
  });
}

TEST(Run, GoesOnWhereTheConnectionBroke) {
  FakeWeftd weftd;
  serve_breaking(weftd, {[](Conversation& c) {
                           join(c, {.life = 5});
                           const auto input = c.await(FrameType::Stdin);
                           ASSERT_TRUE(input);
                           EXPECT_EQ(input->payload, "typed\n");
                           ASSERT_TRUE(c.await(FrameType::StdinEnd));
                           c.frame(FrameType::Stdout, "before\n");
                           c.frame(FrameType::Stderr, "then\n");
                         },
                         [](Conversation& c) {
                           join(c, {.life = 5, .output = 12, .input = 2});
                           const auto input = c.await(FrameType::Stdin);
                           ASSERT_TRUE(input);
                           EXPECT_EQ(input->payload, "ped\n");
                           EXPECT_TRUE(c.await(FrameType::StdinEnd));
                           c.frame(FrameType::Stdout, "after\n");
                         },
                         [](Conversation& c) {
                           join(c, {.life = 5, .output = 18, .input = 6});
                           end(c, {});
                         }});
  const Outcome outcome = run_weft(weftd, {"run", "x"}, {.input = "typed\n", .environment = {}});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "before\nafter\n");
  EXPECT_EQ(outcome.err, "then\n");
  std::vector<Json> received;
  for (const Request& request : weftd.requests()) {
    if (request.method == "Workloads/Attach") received.push_back(request.json.at("received"));
  }
  EXPECT_EQ(received, (std::vector<Json>{0, 12, 18}));
}

void expect_signal(Conversation& c, int wanted) {
  const auto signal = c.await(FrameType::Signal);
  ASSERT_TRUE(signal);
  EXPECT_EQ(*workload::parse_signal(signal->payload), wanted);
}

TEST(Run, ASignalThatTheParentHasNotHadIsSentAgain) {
  FakeWeftd weftd;
  serve_breaking(weftd, {[](Conversation& c) {
                           join(c, {.life = 5, .signals = 7});
                           c.frame(FrameType::Stdout, "one\n");
                           expect_signal(c, SIGUSR1);
                           c.frame(FrameType::Done, workload::encode_progress({.life = 5, .signals = 8}));
                           c.frame(FrameType::Stdout, "two\n");
                           expect_signal(c, SIGUSR2);
                           c.frame(FrameType::Stdout, "three\n");
                           expect_signal(c, SIGTERM);
                         },
                         // The second one it has had, although the answer was lost.
                         [](Conversation& c) {
                           join(c, {.life = 5, .output = 14, .signals = 9});
                           expect_signal(c, SIGTERM);
                         },
                         [](Conversation& c) {
                           join(c, {.life = 6});
                           expect_signal(c, SIGTERM);
                           c.frame(FrameType::Done, workload::encode_progress({.life = 6, .signals = 1}));
                         },
                         [](Conversation& c) {
                           join(c, {.life = 6, .signals = 1});
                           c.frame(FrameType::Stdout, "four\n");
                           expect_signal(c, SIGUSR1);
                           end(c, {.code = 143, .signal = SIGTERM});
                         }});
  Program program(weftd, {"run", "x"});
  for (const auto& [text, signal] :
       {std::pair{"one\n", SIGUSR1}, {"two\n", SIGUSR2}, {"three\n", SIGTERM}, {"four\n", SIGUSR1}}) {
    ASSERT_TRUE(program.await_output(text));
    program.signal(signal);
  }
  EXPECT_EQ(program.finish().status, 143);
}

TEST(Run, OfManySignalsThatNobodyAnswersTheNewestAreKept) {
  constexpr int kKept = 64;
  FakeWeftd weftd;
  serve_breaking(weftd, {[](Conversation& c) {
                           join(c, {.life = 5});
                           c.frame(FrameType::Stdout, "0.");
                           for (int i = 1; i <= kKept; ++i) {
                             expect_signal(c, i == 1 ? SIGUSR2 : SIGUSR1);
                             c.frame(FrameType::Stdout, std::to_string(i) + ".");
                           }
                           expect_signal(c, SIGTERM);
                         },
                         [](Conversation& c) {
                           join(c, {.life = 5, .output = 1000});
                           for (int i = 2; i <= kKept; ++i) expect_signal(c, SIGUSR1);
                           expect_signal(c, SIGTERM);
                           end(c, {});
                         }});
  Program program(weftd, {"run", "x"});
  for (int i = 0; i <= kKept; ++i) {
    ASSERT_TRUE(program.await_output(std::to_string(i) + "."));
    program.signal(i == 0 ? SIGUSR2 : i == kKept ? SIGTERM : SIGUSR1);
  }
  EXPECT_EQ(program.finish().status, 0);
}

// What one parent took is not for the next.
TEST(Run, AnotherParentGetsWhatIsTypedFromThenOn) {
  FakeWeftd weftd;
  serve_breaking(weftd, {[](Conversation& c) {
                           join(c, {.life = 5});
                           EXPECT_TRUE(c.await(FrameType::Stdin));
                           c.frame(FrameType::Stdout, "long before\n");
                         },
                         [](Conversation& c) {
                           join(c, {.life = 6});
                           c.frame(FrameType::Stdout, "anew\n");
                           const auto input = c.await(FrameType::Stdin);
                           ASSERT_TRUE(input);
                           EXPECT_EQ(input->payload, "second\n");
                           end(c, {});
                         }});
  Program program(weftd, {"run", "x"},
                  {.input = "first\n", .environment = {}, .stdin_is = Program::Options::Stdin::Open});
  ASSERT_TRUE(program.await_output("anew\n"));
  program.write("second\n");
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, SaysWhatIsMissing) {
  FakeWeftd weftd;
  serve_breaking(weftd, {[](Conversation& c) {
                           join(c, {.life = 5});
                           c.frame(FrameType::Stdout, "before\n");
                         },
                         [](Conversation& c) {
                           join(c, {.life = 5, .output = 107, .input = 0});
                           c.frame(FrameType::Stdout, "after\n");
                           end(c, {});
                         }});
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.out, "before\nafter\n");
  EXPECT_THAT(outcome.err, HasSubstr("100 bytes of its output weren't kept"));
  EXPECT_THAT(outcome.err, HasSubstr("`weft logs w-1`"));
}

TEST(Run, AMomentWithoutAConnectionIsNotWorthAWord) {
  FakeWeftd weftd;
  std::atomic<int> attached = 0;
  serve_run(weftd, [&](Conversation& c, const Json&) {
    if (++attached == 3) end(c, {});
  });
  weftd.on("Workloads/Get", Json::parse(R"({"id":"w-1","status":{"state":"running"}})"));
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST(Run, AsksHowItEndedIfNobodyWasAttachedThen) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", {{"id", "w-1"}});
  weftd.on("Workloads/Attach", [](Conversation& c, const Json&) {
    c.refuse(409, {{"code", "conflict"}, {"message", "it has ended"}});
  });
  weftd.on("Workloads/Get", [](Conversation& c, const Json&) {
    c.refuse(404, {{"code", "not_found"}, {"message", "no workload w-1"}});
  });
  weftd.on("Workloads/Wait", {{"exit_code", 137}, {"signal", 9}});
  EXPECT_EQ(run_weft(weftd, {"run", "--rm", "x"}).status, 137);
}

TEST(Run, AConnectionThatEndsWithTheWorkloadIsNoFailure) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) { c.frame(FrameType::Stdout, "all\n"); });
  weftd.on("Workloads/Get", Json::parse(R"({"id":"w-1","status":{"state":"exited"}})"));
  weftd.on("Workloads/Wait", Json::parse(R"({"exit_code":137,"signal":9,"oom":true})"));
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.status, 137);
  EXPECT_EQ(outcome.out, "all\n");
  EXPECT_EQ(outcome.err, "weft: it ran out of its memory limit\n");
}

TEST(Run, WhoMayNotAttachIsTold) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", {{"id", "w-1"}});
  weftd.on("Workloads/Attach", [](Conversation& c, const Json&) {
    c.refuse(403, {{"code", "denied"}, {"message", "you may not"}});
  });
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_EQ(outcome.err, "weft: run: you may not\n");
}

TEST(Run, WhileWeftdIsAwayASignalEndsTheWaiting) {
  FakeWeftd weftd;
  std::latch gone(1);
  serve_run(weftd, [&](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "before\n");
    gone.wait();
  });
  Program program(weftd, {"run", "x"});
  ASSERT_TRUE(program.await_output("before\n"));
  weftd.shut();
  gone.count_down();
  ASSERT_TRUE(program.await_output("w-1 runs on"));
  program.signal(SIGINT);
  EXPECT_EQ(program.finish().status, 130);
}

TEST(Run, WhatIsNoProtocolIsAFailure) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) { c.send("HTTP/1.1 what is this supposed to be\r\n\r\n"); });
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.status, 125);
}

TEST(Run, DetachedAndExternalPrintTheId) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", {{"id", "w-1"}, {"name", "web"}});
  EXPECT_EQ(run_weft(weftd, {"run", "--detach", "x"}).out, "w-1\n");
  EXPECT_EQ(weftd.requests().back().json, Json({{"command", {"x"}}}));
  EXPECT_EQ(run_weft(weftd, {"run", "--external", "--name", "web"}).out, "w-1\n");
  EXPECT_EQ(weftd.requests().back().json, Json({{"name", "web"}, {"external", true}}));
  EXPECT_EQ(run_weft(weftd, {"run", "-d", "-o", "name", "x"}).out, "web\n");
}

TEST(Exec, EndsWithTheCommandsStatus) {
  FakeWeftd weftd;
  weftd.on("Workloads/Exec", [](Conversation& c, const Json&) {
    c.upgrade();
    c.frame(FrameType::Done, "");
    c.frame(FrameType::Stdout, "uid=0\n");
    c.frame(FrameType::Exited, workload::encode_exit({.code = 3, .signal = 0}));
  });
  const Outcome outcome = run_weft(weftd, {"exec", "web", "--user", "nobody", "--", "id", "-u"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.out, "uid=0\n");
  EXPECT_EQ(weftd.requests().at(0).json, Json({{"name", "web"}, {"command", {"id", "-u"}}, {"user", "nobody"}}));
}

TEST(Exec, ARefusedCommandHasAStatusOfItsOwn) {
  FakeWeftd weftd;
  const auto refuse_with = [&](const Error& refusal) {
    weftd.on("Workloads/Exec", [refusal](Conversation& c, const Json&) {
      c.upgrade();
      c.frame(FrameType::Refused, workload::encode_refusal(refusal));
      EXPECT_FALSE(c.await(FrameType::Signal));  // until the client has gone
    });
    return run_weft(weftd, {"exec", "web", "--", "nosuch"});
  };
  const Outcome missing = refuse_with({.code = base::Code::NotFound, .what = "execute 'nosuch': No such file"});
  EXPECT_EQ(missing.status, 127);
  EXPECT_EQ(missing.err, "weft: exec: execute 'nosuch': No such file\n");
  EXPECT_EQ(refuse_with({.code = base::Code::Denied, .what = "execute: Permission denied"}).status, 126);
  EXPECT_EQ(refuse_with({.code = base::Code::Unavailable, .what = "the workload is stopping"}).status, 125);
}

TEST(Exec, WithoutAReaderTheCommandIsHungUpOn) {
  FakeWeftd weftd;
  std::latch closed(1);
  weftd.on("Workloads/Exec", [&](Conversation& c, const Json&) {
    c.upgrade();
    c.frame(FrameType::Done, "");
    c.frame(FrameType::Stdout, "y\n");
    closed.wait();
    c.frame(FrameType::Stdout, "y\n");
    EXPECT_FALSE(c.await(FrameType::Signal));  // until the client has gone
  });
  Program program(weftd, {"exec", "web", "--", "yes"});
  expect_end_unread(program, closed);
}

// What is sent before the command exists would reach the workload.
TEST(Exec, ASignalBeforeItBeganGoesNowhere) {
  FakeWeftd weftd;
  std::latch asked(1);
  weftd.on("Workloads/Exec", [&](Conversation& c, const Json&) {
    c.upgrade();
    asked.count_down();
    EXPECT_FALSE(c.await(FrameType::Signal));
  });
  Program program(weftd, {"exec", "web", "--", "x"}, {.input = "keys", .environment = {}});
  asked.wait();
  program.signal(SIGTERM);
  EXPECT_EQ(program.finish().status, 143);
}

TEST(Run, SomebodyElseIsAttached) {
  FakeWeftd weftd;
  weftd.on("Workloads/Run", {{"id", "w-1"}});
  weftd.on("Workloads/Get", Json::parse(R"({"id":"w-1","status":{"state":"running"}})"));
  weftd.on("Workloads/Attach", [](Conversation& c, const Json&) {
    c.upgrade();
    c.frame(FrameType::Refused,
            workload::encode_refusal({.code = base::Code::Conflict, .what = "another is attached"}));
  });
  const Outcome outcome = run_weft(weftd, {"run", "x"});
  EXPECT_EQ(outcome.status, 125);
  EXPECT_THAT(outcome.err, HasSubstr("weft: run: another is attached\n"));
}

TEST(Exec, ABrokenConnectionIsAFailure) {
  FakeWeftd weftd;
  weftd.on("Workloads/Exec", [](Conversation& c, const Json&) { c.upgrade(); });
  const auto broken = [&] { return run_weft(weftd, {"exec", "web", "--", "x"}); };
  for (const auto& [state, why] : {std::pair{"running", "the connection to weftd broke"},
                                   {"stopping", "the workload is stopping"},
                                   {"exited", "the workload has ended"}}) {
    weftd.on("Workloads/Get", Json{{"status", {{"state", state}}}});
    EXPECT_EQ(broken().status, 125);
    EXPECT_EQ(broken().err, "weft: exec: " + std::string(why) + "\n");
  }
  weftd.on("Workloads/Get", [](Conversation& c, const Json&) { c.refuse(404, {{"code", "not_found"}}); });
  EXPECT_EQ(broken().err, "weft: exec: the workload has ended\n");
  weftd.on("Workloads/Exec", [](Conversation& c, const Json&) {
    c.refuse(503, {{"code", "unavailable"}, {"message", "the workload is stopped"}});
  });
  EXPECT_EQ(run_weft(weftd, {"exec", "web", "--", "x"}).status, 125);
}

TEST(Terminal, IsGivenWhenStdinIsOneAndRestoredAfterwards) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    const auto size = c.await(FrameType::Resize);
    ASSERT_TRUE(size);
    EXPECT_EQ(*workload::parse_resize(size->payload), (workload::WindowSize{.rows = 33, .columns = 99}));
    c.frame(FrameType::Stdout, "ready\r\n");
    const auto keys = c.await(FrameType::Stdin);  // ^C is a key like any other
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->payload, "\x03");
    c.frame(FrameType::Stdout, "a key\r\n");
    const auto later = c.await(FrameType::Resize);
    ASSERT_TRUE(later);
    EXPECT_EQ(*workload::parse_resize(later->payload), (workload::WindowSize{.rows = 50, .columns = 120}));
    end(c, {.code = 5, .signal = 0});
  });
  OnTerminal weft(weftd, {WEFT_PROGRAM, "run", "-e", "A=b", "sh"});
  ASSERT_TRUE(weft.await("ready\r\n"));
  EXPECT_TRUE(weft.is_raw());
  weft.type("\x03");
  ASSERT_TRUE(weft.await("a key"));
  weft.resize(50, 120);
  EXPECT_EQ(weft.finish(), 5);
  EXPECT_FALSE(weft.is_raw());
  const Json request = weftd.requests().at(0).json;
  EXPECT_EQ(request["tty"], true);
  EXPECT_EQ(request["env"], Json({"A=b", "TERM=vt220"}));
}

TEST(Terminal, IsRestoredOnSigterm) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "ready\r\n");
    EXPECT_TRUE(c.await(FrameType::Signal));
    end(c, {.code = 143, .signal = SIGTERM});
  });
  OnTerminal weft(weftd, {WEFT_PROGRAM, "run", "sh"});
  ASSERT_TRUE(weft.await("ready\r\n"));
  kill(weft.pid(), SIGTERM);
  EXPECT_EQ(weft.finish(), 143);
  EXPECT_FALSE(weft.is_raw());
}

TEST(Terminal, IsNotGivenWhenNotWanted) {
  FakeWeftd weftd;
  serve_run(weftd, [](Conversation& c, const Json&) {
    c.frame(FrameType::Stdout, "ready\n");
    end(c, {});
  });
  OnTerminal weft(weftd, {WEFT_PROGRAM, "run", "--no-tty", "sh"});
  ASSERT_TRUE(weft.await("ready\r\n"));
  EXPECT_FALSE(weft.is_raw());
  EXPECT_EQ(weft.finish(), 0);
  EXPECT_FALSE(weftd.requests().at(0).json.contains("tty"));
}

TEST(Terminal, AnExecKnowsItsSizeFromTheStart) {
  FakeWeftd weftd;
  weftd.on("Workloads/Exec", [](Conversation& c, const Json&) {
    c.upgrade();
    c.frame(FrameType::Done, "");
    c.frame(FrameType::Exited, workload::encode_exit({.code = 0, .signal = 0}));
  });
  OnTerminal weft(weftd, {WEFT_PROGRAM, "exec", "web", "--", "sh"});
  EXPECT_EQ(weft.finish(), 0);
  const Json request = weftd.requests().at(0).json;
  EXPECT_EQ(request["rows"], 33);
  EXPECT_EQ(request["columns"], 99);
}

TEST(Terminal, RemovalIsAskedForThere) {
  FakeWeftd weftd;
  weftd.on("Vpcs/Remove", {{"revision", 1}});
  OnTerminal no(weftd, {WEFT_PROGRAM, "vpc", "rm", "shop"});
  ASSERT_TRUE(no.await("Remove vpc shop? [y/N]"));
  no.type("n\n");
  EXPECT_EQ(no.finish(), 1);
  EXPECT_TRUE(weftd.requests().empty());
  OnTerminal yes(weftd, {WEFT_PROGRAM, "vpc", "rm", "shop"});
  ASSERT_TRUE(yes.await("Remove vpc shop? [y/N]"));
  yes.type("y\n");
  EXPECT_EQ(yes.finish(), 0);
  OnTerminal told(weftd, {WEFT_PROGRAM, "vpc", "rm", "shop", "--yes"});
  EXPECT_EQ(told.finish(), 0);
  EXPECT_EQ(weftd.requests().size(), 2u);
}

TEST(Terminal, ColoursAndWidths) {
  FakeWeftd weftd;
  weftd.on("Workloads/List", Json::parse(R"({"items":[{"name":"web","id":"w-1","status":{"state":"running"},
    "command":["a-very-long-command-indeed-that-has-no-place-on-a-terminal","of","ninety","nine","columns"]}]})"));
  OnTerminal weft(weftd, {WEFT_PROGRAM, "ps"});
  ASSERT_TRUE(weft.await("w-1"));
  EXPECT_EQ(weft.finish(), 0);
  EXPECT_THAT(weft.shown(), HasSubstr("\x1b[32mrunning\x1b[0m"));
  EXPECT_THAT(weft.shown(), HasSubstr("..."));
}

TEST(Terminal, SlowAnswersShowThatTheyAreAwaited) {
  FakeWeftd weftd;
  std::latch shown(1);
  weftd.on("Vpcs/List", [&](Conversation& c, const Json&) {
    shown.wait();
    c.answer(Json{{"items", Json::array()}});
  });
  OnTerminal weft(weftd, {WEFT_PROGRAM, "vpc", "ls"});
  EXPECT_TRUE(weft.await("waiting for weftd (1 s)"));
  shown.count_down();
  EXPECT_EQ(weft.finish(), 0);
}

}  // namespace
}  // namespace weft::cli
