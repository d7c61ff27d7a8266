// The table of commands. Everything that names a command comes from it: parsing,
// help, completion, the manual pages, docs/commands.md, and what is sent to weftd
// and shown of the answer. To add a command is to add a row.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

// What a value must look like; checked before anything is sent. A Note may be empty.
enum class Kind { Switch, Text, Number, Duration, Seconds, Size, Time, Choice, Decimal, Setting, Note };

// Each: one request for each value.
enum class Count { One, Many, Each };
enum class Need { Required, Optional };

// InName: the first argument may say it instead, as VPC/NAME.
enum class Said { ByFlag, InName };

// What completion offers for a value.
enum class Offer { Nothing, File, Folder, Vpc, Subnet, Table, Acl, Group, PrefixList, Tni, Workload, Command };

// What may stand in a value beyond printable text.
enum class Letters { Printable, Any };

struct Flag {
  std::string_view name;        // "on-revoke": --on-revoke, and WEFT_ON_REVOKE in the environment
  char letter = 0;              // 'o': -o
  std::string_view value = {};  // the word for its value in help; none for a switch
  Kind kind = Kind::Text;
  Count count = Count::One;
  std::string_view help;
  std::string_view choices = {};  // of a Choice: "cut|keep"; of a Text: what completion offers
  Offer offer = Offer::Nothing;
  std::string_view field = {};     // of the request; default: the name with '_'; "-": it isn't sent
  std::string_view sends = {};     // what a switch puts there instead of true
  std::string_view excludes = {};  // flags that can't stand beside it, separated by spaces
  Need need = Need::Optional;
  Said said = Said::ByFlag;
};

struct Argument {
  std::string_view name;   // "NAME"
  std::string_view field;  // of the request; "-": it isn't sent
  std::string_view help;
  Need need = Need::Required;
  Count count = Count::One;
  Kind kind = Kind::Text;
  std::string_view choices = {};
  Offer offer = Offer::Nothing;
  Letters letters = Letters::Printable;
};

// A column of a table: where in an item its text is, and whether it stands in
// `-o table` or in `-o wide` only.
enum class Shown { Table, Wide };
// Until: the item may say beside it that it has expired.
enum class Form { Text, Age, Words, RunState, Until };
struct Column {
  std::string_view title;
  std::string_view path;  // "limits.memory"; of a list: its elements, with commas
  Shown shown = Shown::Table;
  Form form = Form::Text;
};

// A list inside an object, shown as a table below it.
struct Section {
  std::string_view title;
  std::string_view path;
  std::vector<Column> columns;
};

// What becomes of the answer.
enum class Answer {
  Nothing,  // silence means done
  Id,       // the id that was made
  List,     // the items, as rows
  Object,   // one object, field by field
  Text,     // the field `text`, as it is
  // With code of their own (see actions.cc):
  Life,
  Run,
  Exec,
  Logs,
  Trace,
  Flows,
  Events,
  Status,
  Doctor,
  Explain,
  Apply,
  Plan,
  Export,
  Version,
  Completion,
  Complete,
  Man,
  Reference,
  Help,
};

enum class Effect {
  Local,  // weftd isn't asked
  Read,
  Write,   // takes --dry-run and --wait
  Remove,  // as Write; asks first on a terminal
};

// Whether what follows the last argument's first word belongs to it, flags too.
enum class Rest { Flags, Words };

enum class Place { Listed, Hidden };

struct Example {
  std::string_view what;
  std::string_view line;
};

struct Command {
  std::string_view name;  // "vpc create", "run"
  std::string_view summary;
  std::string_view details = {};  // paragraphs, separated by an empty line
  std::vector<Argument> arguments = {};
  std::vector<Flag> flags = {};
  std::span<const std::string_view> later = {};  // flags of a later version
  Effect effect = Effect::Read;
  std::string_view method = {};  // "Vpcs/Create"
  Answer answer = Answer::Nothing;
  std::vector<Column> columns = {};
  std::vector<Section> sections = {};
  std::vector<Example> examples = {};
  std::string_view exits = {};  // "0 the verdict is ALLOW|10 the verdict is DENY"
  Rest rest = Rest::Flags;
  Place place = Place::Listed;
  std::string_view default_wait = {};  // as if --wait=... were given

  std::string_view noun() const;  // "vpc"; of "run": "run"
  std::string_view verb() const;  // "create"; of "run": ""
};

struct Noun {
  std::string_view name;
  std::string_view summary;
};

const std::vector<Command>& commands();
const std::vector<Noun>& nouns();         // of more than one word's commands, in the order of help
const std::vector<Flag>& global_flags();  // --socket, --output ...

const Command* find_command(std::string_view name);
const Noun* find_noun(std::string_view name);
// A word, or two, that a later version will know: "igw", "machine", "acl add".
bool is_for_later(std::string_view first_word);

// Whether the global flag means something for the command.
bool applies(const Flag& global, const Command& command);
// The command's flag, or a global one that applies.
const Flag* find_flag(const Command& command, std::string_view name);
const Flag* find_flag(const Command& command, char letter);

std::string field_of(const Flag& flag);     // "on_revoke"
std::string variable_of(const Flag& flag);  // "WEFT_ON_REVOKE"

}  // namespace weft::cli
