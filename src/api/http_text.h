// The pieces of HTTP/1.1 that the server writes itself.
#pragma once

#include <string>
#include <string_view>

#include "api/caller.h"
#include "base/result.h"

namespace weft::api {

int http_status(base::Code code);

// {"error":{"code","message","field","holder"}}
std::string error_json(const Error& error);

enum class Connection { KeepAlive, Close };
std::string http_answer(int status, std::string_view body, Connection connection);
std::string http_error(const Error& error, Connection connection);
// The same under a status of its own, for what is wrong with the HTTP itself.
std::string http_error(int status, const Error& error, Connection connection);

enum class Framing { JsonLines, ServerSentEvents };

// A request for another server to answer, and on whose behalf.
inline constexpr const char* kCallerHeader = "Weft-Caller";
enum class Shape { Plain, Upgrade };
std::string http_forwarded(std::string_view method, const Caller& caller, Framing framing, Shape shape,
                           std::string_view body);
Result<Caller> parse_caller(std::string_view header);

std::string http_stream_head(Framing framing, Connection connection);
std::string http_chunk(std::string_view bytes);
std::string http_last_chunk();
std::string frame_item(Framing framing, std::string_view json);

}  // namespace weft::api
