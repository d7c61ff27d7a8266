#include "api/testing.h"

namespace weft::api {
namespace {

using base::Code;

class WorkloadTest : public ApiTest {
 protected:
  Json get(const std::string& name) { return call("Workloads/Get", R"({"name":")" + name + R"("})"); }
  void status(const std::string& name, RunState state) {
    RunStatus status;
    status.state = state;
    backend_.statuses[model::WorkloadId{get(name)["id"]}] = status;
  }
};

TEST_F(WorkloadTest, RunsInTheDefaultVpcWhenNothingIsNamed) {
  const Json made = call("Workloads/Run", R"({"command":["/usr/bin/curl","-sI","http://deb.example/"]})");
  const std::string name = made["name"];
  EXPECT_TRUE(name.starts_with("curl-")) << name;
  const Json workload = get(name);
  EXPECT_EQ(workload["id"], made["id"]);
  EXPECT_EQ(workload["machine_name"], "alpha");
  EXPECT_EQ(workload["ips"][0], "10.210.1.2");
  EXPECT_EQ(workload["tni_names"], Json({name}));
  const Json tni = call("Tnis/Get", R"({"name":")" + name + R"("})");
  EXPECT_EQ(tni["lifetime"], "with-workload");
  EXPECT_EQ(tni["vpc_name"], "default");
  EXPECT_EQ(tni["group_names"], Json({"default"}));
  EXPECT_EQ(tni["device_name"], "eth0");
}

TEST_F(WorkloadTest, TakesAllThatIsNamed) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  call("Subnets/Create", R"({"name":"app","vpc":"shop","cidr":"10.0.1.0/24"})");
  call("Groups/Create", R"({"name":"web","vpc":"shop"})");
  call("Tnis/Create", R"({"name":"extra"})");
  call("Workloads/Run", R"({"name":"web","subnet":"app","ip":"10.0.1.20","groups":["web"],"tnis":["extra"],
      "publish":["8080:80","[fd00::1]:53:5353/udp"],"env":["A=b"],"memory":"128m","cpus":"0.5","pids":50,
      "restart":"on-failure","user":"nobody","workdir":"/srv","tty":true,"command":["httpd","-f"]})");
  const Json web = get("web");
  EXPECT_EQ(web["ips"][0], "10.0.1.20");
  EXPECT_EQ(web["tni_names"], Json({"web", "extra"}));
  EXPECT_EQ(web["ports"], Json({"8080:80/tcp", "[fd00::1]:53:5353/udp"}));
  EXPECT_EQ(web["limits"], Json({{"memory", 134217728}, {"milli_cpus", 500}, {"pids", 50}}));
  EXPECT_EQ(web["restart"], "on-failure");
  EXPECT_EQ(web["terminal"], "given");
  EXPECT_EQ(web["env"], Json({"A=b"}));
  EXPECT_EQ(web["command"], Json({"httpd", "-f"}));
}

TEST_F(WorkloadTest, RunAgainIsTheSame) {
  const std::string request = R"({"name":"web","command":["httpd"],"env":["SECRET=hunter2"]})";
  const std::string id = id_of("Workloads/Run", request);
  EXPECT_EQ(id_of("Workloads/Run", request), id);
  EXPECT_TRUE(backend_.last_changes.empty());
  EXPECT_EQ(refused("Workloads/Run", R"({"name":"web","command":["other"],"env":["SECRET=hunter2"]})").field,
            "command");
  const Error told = refused("Workloads/Run", R"({"name":"web","command":["httpd"],"env":["SECRET=hunter3"]})");
  EXPECT_EQ(told.field, "env");
  EXPECT_EQ(told.what.find("hunter"), std::string::npos) << told.what;
}

// It would do nothing, and say nothing.
TEST_F(WorkloadTest, RunAgainOfWhatDoesNotRunIsRefused) {
  const std::string request = R"({"name":"job","command":["a"]})";
  const std::string id = id_of("Workloads/Run", request);
  status("job", RunState::Running);
  EXPECT_EQ(id_of("Workloads/Run", request), id);
  for (const auto& [state, why] :
       {std::pair{RunState::Exited, "has ended"}, {RunState::Failed, "could not be started"}}) {
    status("job", state);
    const Error told = refused("Workloads/Run", request);
    EXPECT_EQ(told.code, Code::Conflict);
    EXPECT_EQ(told.what, "the name job is taken by " + id + ", which " + why +
                             "; `weft start job` runs it again, `weft rm job` frees the name");
  }
  EXPECT_EQ(refused("Workloads/Run", R"({"name":"job","command":["b"]})").field, "command") << "another one is told so";
  call("Workloads/Stop", R"({"name":"job"})");
  EXPECT_NE(refused("Workloads/Run", request).what.find("which is stopped"), std::string::npos);
  call("Workloads/Start", R"({"name":"job"})");
  status("job", RunState::Running);
  EXPECT_EQ(id_of("Workloads/Run", request), id);
}

TEST_F(WorkloadTest, NamesThatMeanSomethingElse) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  for (const std::string name :
       {"internet", "vpc-0123456789abcdef", "w-0123456789abcdef", "m-0123456789abcdef", "nat-0123456789abcdef"}) {
    const std::string quoted = R"("name":")" + name + "\"";
    for (const auto& [method, request] : {std::pair{"Workloads/Run", "{" + quoted + R"(,"command":["a"]})"},
                                          {"Tnis/Create", "{" + quoted + "}"},
                                          {"Vpcs/Create", "{" + quoted + R"(,"cidrs":["10.9.0.0/16"]})"},
                                          {"Subnets/Create", "{" + quoted + R"(,"vpc":"shop","cidr":"10.0.1.0/24"})"},
                                          {"Groups/Create", "{" + quoted + R"(,"vpc":"shop"})"}}) {
      const Error told = refused(method, request);
      EXPECT_EQ(told.code, Code::Usage) << method << request << told.what;
      EXPECT_EQ(told.field, "name") << method << request;
    }
  }
  EXPECT_EQ(refused("Workloads/Run", R"({"name":"w-0123456789abcdef","command":["a"]})").what,
            "w-0123456789abcdef looks like an id; choose another name");
  for (const char* name : {"w-0123456789abcde", "w-0123456789abcdex", "job-0123456789abcdef", "internet-2", "w"}) {
    call("Workloads/Run", R"({"name":")" + std::string(name) + R"(","command":["a"]})");
  }
}

TEST_F(WorkloadTest, WhatIsCalledSoAlreadyStays) {
  model::PrefixList list;
  list.id = model::PrefixListId::make(backend_.rng());
  list.name = "internet";
  const auto put = [&] { return model::Command{.operations = {model::Put{list}}}; };
  model::State state;
  EXPECT_FALSE(state.apply(put()).ok());
  ASSERT_TRUE(state.replay(put()).ok());
  list.prefixes = {*net::Prefix::parse("10.0.0.0/8")};
  EXPECT_TRUE(state.apply(put()).ok()) << "it can be changed";
  list.name = "w-0123456789abcdef";
  EXPECT_FALSE(state.apply(put()).ok()) << "but not be called so";
}

TEST_F(WorkloadTest, WaitsUntilItIsWhatIsWanted) {
  const std::string id = id_of("Workloads/Run", R"({"name":"web","command":["a"]})");
  EXPECT_EQ(refused("Workloads/AwaitWanted", R"({"name":"web"})").code, Code::TimedOut);  // not yet
  EXPECT_EQ(backend_.awaited.text, id);
  pending_.reset();
  EXPECT_TRUE(backend_.when_wanted.expired()) << "who has gone waits no more";
  EXPECT_EQ(refused("Workloads/AwaitWanted", R"({"name":"nobody"})").code, Code::NotFound);
  EXPECT_EQ(refused("Workloads/AwaitWanted", R"({"name":"w-0123456789abcdef"})").code,
            Code::TimedOut);  // one that is gone
  backend_.why_unknown = "nobody is there";
  EXPECT_EQ(refused("Workloads/AwaitWanted", R"({"name":"web"})").code, Code::Unavailable);
}

TEST_F(WorkloadTest, RefusesBadRuns) {
  call("Workloads/Run", R"({"name":"taken","command":["a"],"publish":["80:80"]})");
  call("Tnis/Create", R"({"name":"t"})");
  call("Workloads/Run", R"({"name":"holder","command":["a"],"tnis":["t"]})");
  struct Case {
    const char* request;
    Code code;
    const char* field;
  };
  const Case cases[] = {
      {R"({"name":"w"})", Code::Usage, "command"},
      {R"({"name":"w","command":[""]})", Code::Usage, "command"},
      {R"({"name":"W","command":["a"]})", Code::Usage, "name"},
      {R"({"name":"alpha","command":["a"]})", Code::Conflict, "name"},
      {R"({"command":["a"],"memory":"lots"})", Code::Usage, "memory"},
      {R"({"command":["a"],"cpus":"0"})", Code::Usage, "cpus"},
      {R"({"command":["a"],"cpus":"1.2345"})", Code::Usage, "cpus"},
      {R"({"command":["a"],"cpus":"-1"})", Code::Usage, "cpus"},
      {R"({"command":["a"],"pids":-1})", Code::Usage, "pids"},
      {R"({"command":["a"],"pids":0})", Code::Usage, "pids"},
      // Nothing is left to the parent of the workload to refuse, once it is agreed.
      {R"({"command":["a"],"pids":4194305})", Code::Usage, "pids"},
      {R"({"command":["a"],"cpus":"0.009"})", Code::Usage, "cpus"},
      {R"({"command":["a"],"cpus":"1000.001"})", Code::Usage, "cpus"},
      {R"({"command":["a"],"user":"a2345678901234567890123456789012345678901234567890123456789012345"})", Code::Usage,
       "user"},
      {R"({"command":["a"],"publish":["80"]})", Code::Usage, "publish[0]"},
      {R"({"command":["a"],"publish":["1:1","80:0"]})", Code::Usage, "publish[1]"},
      {R"({"command":["a"],"publish":["80:80/sctp"]})", Code::Usage, "publish[0]"},
      {R"({"command":["a"],"publish":["[::1:80:80"]})", Code::Usage, "publish[0]"},
      {R"({"command":["a"],"publish":["80:8080"]})", Code::Conflict, "publish"},
      {R"({"command":["a"],"publish":["81:80","81:82"]})", Code::Usage, "publish"},
      {R"({"command":["a"],"publish":["81:80","192.0.2.1:81:80"]})", Code::Usage, "publish"},
      {R"({"command":["a"],"env":["A"]})", Code::Usage, "env"},
      {R"({"command":["a"],"workdir":"srv"})", Code::Usage, "workdir"},
      {R"({"command":["a"],"restart":"maybe"})", Code::Usage, "restart"},
      {R"({"command":["a"],"restart":"always","rm":true})", Code::Usage, "rm"},
      {R"({"command":["a"],"external":true})", Code::Usage, "command"},
      {R"({"external":true,"memory":"1g"})", Code::Usage, "memory"},
      {R"({"command":["a"],"subnet":"nowhere"})", Code::NotFound, "subnet"},
      {R"({"command":["a"],"ip":"10.0.0.9"})", Code::Usage, "ip"},
      {R"({"command":["a"],"tnis":["nobody"]})", Code::NotFound, "tnis[0]"},
      {R"({"command":["a"],"tnis":["t"]})", Code::Conflict, "tnis[0]"},
      {R"({"command":["a"],"tnis":["t"],"ip":"10.210.1.9"})", Code::Usage, "ip"},
      {R"({"command":["a"],"groups":["nobody"]})", Code::NotFound, "groups[0]"},
  };
  for (const Case& each : cases) {
    const Error told = refused("Workloads/Run", each.request);
    EXPECT_EQ(told.code, each.code) << each.request << told.what;
    EXPECT_EQ(told.field, each.field) << each.request << told.what;
  }
  call("Workloads/Run", R"({"command":["a"],"pids":4194304,"cpus":"1000"})");
  call("Workloads/Run", R"({"command":["a"],"pids":1,"cpus":"0.01"})");
}

TEST_F(WorkloadTest, StopsStartsAndRestarts) {
  call("Workloads/Run", R"({"name":"web","command":["a"]})");
  status("web", RunState::Running);
  call("Workloads/Start", R"({"name":"web"})");
  EXPECT_TRUE(backend_.last_changes.empty());
  call("Workloads/Stop", R"({"name":"web"})");
  EXPECT_EQ(get("web")["wanted"], "stopped");
  status("web", RunState::Exited);
  call("Workloads/Start", R"({"name":"web"})");
  EXPECT_EQ(get("web")["wanted"], "running");
  EXPECT_EQ(get("web")["generation"], 2);
  call("Workloads/Restart", R"({"name":"web"})");
  EXPECT_EQ(get("web")["generation"], 3);
  call("Workloads/Start", R"({"name":"web"})");  // it has exited, by its status
  EXPECT_EQ(get("web")["generation"], 4);
  for (const char* verb : {"Workloads/Stop", "Workloads/Start", "Workloads/Restart", "Workloads/Remove"}) {
    EXPECT_EQ(refused(verb, R"({"name":"alpha"})").code, Code::Conflict) << verb;
    EXPECT_EQ(refused(verb, R"({"name":"nobody"})").code, Code::NotFound) << verb;
  }
}

TEST_F(WorkloadTest, RemoveTakesWhatWasMadeForIt) {
  const size_t blocks = backend_.state().all<model::Block>().size();
  call("Tnis/Create", R"({"name":"kept"})");
  call("Workloads/Run", R"({"name":"web","subnet":"default/default","tnis":["kept"],"command":["a"]})");
  status("web", RunState::Running);
  EXPECT_EQ(refused("Workloads/Remove", R"({"name":"web"})").code, Code::Conflict);
  call("Workloads/Remove", R"({"name":"web","force":true})");
  EXPECT_EQ(refused("Tnis/Get", R"({"name":"web"})").code, Code::NotFound);
  EXPECT_EQ(call("Tnis/Get", R"({"name":"kept"})")["workload"], "");
  EXPECT_EQ(backend_.state().all<model::Block>().size(), blocks);
}

TEST_F(WorkloadTest, HowItsProgramDoesIsNoAnswerButItsPortsAre) {
  const std::string id = id_of("Workloads/Run", R"({"name":"web","command":["a"]})");
  backend_.problems_ = {{.id = id, .what = "workload web could not be started", .since = {}, .told = Told::InStatus},
                        {.id = id, .what = "port 80 is not published: it is taken", .since = {}}};
  EXPECT_EQ(call("Workloads/Restart", R"({"name":"web"})")["notes"],
            Json({"agreed, but not all of it holds here: web: port 80 is not published: it is taken"}));
}

// It may run: nothing that would end it, or leave it ended, goes by a guess.
TEST_F(WorkloadTest, WhatMayRunIsNotTakenForOver) {
  for (const char* name : {"web", "idle"}) {
    call("Workloads/Run", R"({"name":")" + std::string(name) + R"(","command":["a"]})");
    status(name, RunState::Exited);
  }
  call("Workloads/Run", R"({"name":"space","external":true})");
  call("Workloads/Stop", R"({"name":"idle"})");
  backend_.why_unknown = "nobody is there";
  for (const char* verb : {"Workloads/Remove", "Workloads/Start"}) {
    const Error told = refused(verb, R"({"name":"web"})");
    EXPECT_EQ(told.code, Code::Unavailable) << verb;
    EXPECT_TRUE(told.what.starts_with("it isn't known whether workload web runs: nobody is there")) << told.what;
    EXPECT_EQ(told.field, "name");
  }
  EXPECT_FALSE(get("web").contains("status"));
  EXPECT_EQ(call("Workloads/List", "{}")["items"].size(), 2u);
  EXPECT_EQ(call("Diagnosis/Status", "{}")["running"], 0);
  call("Workloads/Start", R"({"name":"idle"})");  // it was to be stopped: that it shall run is new
  EXPECT_EQ(get("idle")["wanted"], "running");
  call("Workloads/Restart", R"({"name":"web"})");
  EXPECT_EQ(get("web")["generation"], 2);
  call("Workloads/Remove", R"({"name":"space"})");
  call("Workloads/Remove", R"({"name":"web","force":true})");
  EXPECT_EQ(refused("Workloads/Get", R"({"name":"web"})").code, Code::NotFound);
}

TEST_F(WorkloadTest, WhatIsExternalHasNoLog) {
  call("Workloads/Run", R"({"name":"space","external":true})");
  const Caller caller{.role = Role::Admin, .actor = "uid:0"};
  const Method* method = *dispatch_->find("Workloads/Logs", caller);
  v1::WorkloadLogsRequest request;
  request.set_name("space");
  const auto outcome = std::get<Streaming>(method->run)(caller, request);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, Code::Conflict);
  EXPECT_TRUE(outcome.error().what.starts_with("workload space is external")) << outcome.error().what;
}

TEST_F(WorkloadTest, ListsWhatRunsOrAll) {
  for (const char* name : {"running", "over", "stopped"}) {
    call("Workloads/Run", R"({"name":")" + std::string(name) + R"(","command":["a"]})");
  }
  call("Workloads/Run", R"({"name":"space","external":true})");
  status("running", RunState::Running);
  status("over", RunState::Exited);
  call("Workloads/Stop", R"({"name":"stopped"})");
  status("stopped", RunState::Exited);
  EXPECT_EQ(call("Workloads/List", "{}")["items"].size(), 2u);
  EXPECT_EQ(call("Workloads/List", R"({"all":true})")["items"].size(), 5u);
}

TEST_F(WorkloadTest, AViewerSeesNoSecrets) {
  call("Workloads/Run", R"({"name":"web","command":["a"],"env":["TOKEN=hunter2","EMPTY="]})");
  const auto seen = try_call("Workloads/Get", R"({"name":"web"})", Role::Viewer);
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ((*seen)["env"], Json({"TOKEN=...", "EMPTY=..."}));
  EXPECT_EQ(get("web")["env"], Json({"TOKEN=hunter2", "EMPTY="}));
}

TEST_F(WorkloadTest, AnAttachedStartIsAnnouncedBeforeItIsCommitted) {
  const std::string id = id_of("Workloads/Run", R"({"command":["a"],"attach":true})");
  EXPECT_EQ(backend_.attached.text, id);
  backend_.attached = {};
  call("Workloads/Run", R"({"command":["a"],"attach":true,"dry_run":true})");
  EXPECT_TRUE(backend_.attached.empty());
}

TEST_F(WorkloadTest, WaitAnswersTheExit) {
  call("Workloads/Run", R"({"name":"web","command":["a"]})");
  EXPECT_EQ(refused("Workloads/Wait", R"({"name":"web"})").code, Code::TimedOut);  // not yet
  RunStatus ended;
  ended.state = RunState::Exited;
  ended.exit_code = 137;
  ended.signal = 9;
  ended.oom = true;
  backend_.exits.items = {ended};
  const Json answer = call("Workloads/Wait", R"({"name":"web"})");
  EXPECT_EQ(answer["exit_code"], 137);
  EXPECT_EQ(answer["signal"], 9);
  EXPECT_EQ(answer["oom"], true);
  backend_.exits.over = true;
  EXPECT_EQ(refused("Workloads/Wait", R"({"name":"w-0123456789abcdef"})").code, Code::Unavailable);
}

TEST_F(WorkloadTest, SeveralInterfacesKeepTheirOrder) {
  call("Vpcs/Create", R"({"name":"shop","cidrs":["10.0.0.0/16"]})");
  call("Subnets/Create", R"({"name":"app","vpc":"shop","cidr":"10.0.1.0/24"})");
  call("Tnis/Create", R"({"name":"one"})");
  call("Tnis/Create", R"({"name":"two","subnet":"app"})");
  call("Workloads/Run", R"({"name":"web","tnis":["two","one"],"command":["a"]})");
  EXPECT_EQ(get("web")["tni_names"], Json({"two", "one"}));
  EXPECT_EQ(call("Tnis/Get", R"({"name":"one"})")["device_name"], "eth1");
  // Ranges of two VPCs that overlap can't meet in one workload.
  call("Vpcs/Create", R"({"name":"twin","cidrs":["10.0.0.0/16"]})");
  call("Subnets/Create", R"({"name":"twin-app","vpc":"twin","cidr":"10.0.1.0/24"})");
  call("Tnis/Create", R"({"name":"three","subnet":"twin-app"})");
  EXPECT_EQ(refused("Tnis/Attach", R"({"tni":"three","workload":"web"})").code, Code::Conflict);
}

}  // namespace
}  // namespace weft::api
